
#include <gtest/gtest.h>

#include "core/records/partition.h"

using namespace etl;

namespace
{

TEST(Partition, ReadsBothWaysToWriteTheHour)
{
	for (const char *path :
		 {"date=2020-01-31/hour=07/customers.json.gz", "date=2020-01-31/hour=7/x"})
	{
		const auto p = parse_partition(path);
		ASSERT_TRUE(p) << path;
		EXPECT_EQ(p->year, 2020);
		EXPECT_EQ(p->month, 1);
		EXPECT_EQ(p->day, 31);
		EXPECT_EQ(p->hour, 7);
	}
	EXPECT_EQ(parse_partition("date=2020-01-31/hour=0/x")->hour, 0);
	EXPECT_EQ(parse_partition("date=2020-01-31/hour=23/x")->hour, 23);
	EXPECT_TRUE(parse_partition("date=2020-01-31/hour=23/a=b c.json"));
}

TEST(Partition, KnowsTheCalendar)
{
	EXPECT_TRUE(parse_partition("date=2020-02-29/hour=1/x"));
	EXPECT_TRUE(parse_partition("date=2000-02-29/hour=1/x"));
	for (const char *path :
		 {"date=2021-02-29/hour=1/x", "date=1900-02-29/hour=1/x", "date=2020-02-30/hour=1/x",
		  "date=2020-13-01/hour=1/x", "date=2020-00-01/hour=1/x", "date=2020-01-00/hour=1/x",
		  "date=2020-04-31/hour=1/x", "date=2020-01-32/hour=1/x", "date=0000-01-01/hour=1/x"})
		EXPECT_FALSE(parse_partition(path)) << path;
}

TEST(Partition, RefusesOtherShapes)
{
	for (const char *path : {"",
							 "date=",
							 "date=2020-01-31",
							 "date=2020-01-31/",
							 "date=2020-01-31/hour=07",
							 "date=2020-01-31/hour=07/",
							 "date=2020-01-31/hour=24/x",
							 "date=2020-01-31/hour=99/x",
							 "date=2020-01-31/hour=/x",
							 "date=2020-01-31/hour=007/x",
							 "date=2020-01-31/hour=-1/x",
							 "date=2020-01-31/hour=1a/x",
							 "date=2020-1-31/hour=1/x",
							 "date=2020-01-1/hour=1/x",
							 "date=20200131/hour=1/x",
							 "date=02020-01-31/hour=1/x",
							 "date=2020/01/31/hour=1/x",
							 "/date=2020-01-31/hour=1/x",
							 "a/date=2020-01-31/hour=1/x",
							 "Date=2020-01-31/hour=1/x",
							 "date=2020-01-31/hour=1/deeper/x",
							 "date=2020-01-31//hour=1/x",
							 "date=2020-01-31/hour=1//x",
							 "date=2020-01-31/hour=1/.",
							 "date=2020-01-31/hour=1/..",
							 " date=2020-01-31/hour=1/x",
							 "date=2020-01-31 /hour=1/x",
							 "date=+020-01-31/hour=1/x",
							 "date=2020-01-31/hour= 1/x",
							 "hour=1/date=2020-01-31/x"})
		EXPECT_FALSE(parse_partition(path)) << path;
	EXPECT_FALSE(parse_partition(std::string_view("date=2020-01-31/hour=1/x\0y", 26)));
}

TEST(Partition, CountsDaysAsPostgresDoes)
{
	const auto days = [](const char *date)
	{ return parse_partition("date=" + std::string(date) + "/hour=0/x").value().pg_date(); };
	EXPECT_EQ(days("2000-01-01"), 0);
	EXPECT_EQ(days("1999-12-31"), -1);
	EXPECT_EQ(days("2020-01-31"), 7335);
	EXPECT_EQ(days("1970-01-01"), -10957);
	EXPECT_EQ(days("0001-01-01"), -730119);
	EXPECT_EQ(days("9999-12-31"), 2921939);
	// every day of 400 years follows the previous day
	int32_t expected = days("1800-01-01");
	for (int year = 1800; year < 2200; ++year)
		for (int month = 1; month <= 12; ++month)
			for (int day = 1; day <= 31; ++day)
			{
				char path[64];
				snprintf(path, sizeof path, "date=%04d-%02d-%02d/hour=0/x", year, month, day);
				if (const auto p = parse_partition(path))
				{
					ASSERT_EQ(p->pg_date(), expected++) << path;
				}
			}
	EXPECT_EQ(expected, days("2200-01-01"));
}

} // namespace
