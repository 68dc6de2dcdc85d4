#include "core/base/calendar.h"

#include <gtest/gtest.h>

using namespace etl;

TEST(Calendar, KnowsWhichDaysThereAre)
{
	EXPECT_TRUE(is_date(2020, 2, 29));
	EXPECT_TRUE(is_date(2000, 2, 29));
	EXPECT_FALSE(is_date(2021, 2, 29));
	EXPECT_FALSE(is_date(1900, 2, 29));
	EXPECT_FALSE(is_date(2020, 13, 1));
	EXPECT_FALSE(is_date(2020, 0, 1));
	EXPECT_FALSE(is_date(2020, 1, 0));
	EXPECT_FALSE(is_date(2020, 1, 257)); // 257 is 1 in a single byte
	EXPECT_FALSE(is_date(2020, 4, 31));
	EXPECT_TRUE(is_date(1, 1, 1));
	EXPECT_TRUE(is_date(9999, 12, 31));
}

TEST(Calendar, CountsFrom2000)
{
	EXPECT_EQ(days_from_date(2000, 1, 1), 0);
	EXPECT_EQ(days_from_date(1, 1, 1), -730119);
	EXPECT_EQ(days_from_date(1970, 1, 1), -10957);
	EXPECT_EQ(days_from_date(9999, 12, 31), 2921939);
}

TEST(Calendar, GoesBackAndForth)
{
	for (int64_t days = -730119; days <= 2921939; ++days)
	{
		const CalendarDate date = date_from_days(days);
		ASSERT_TRUE(is_date(static_cast<int>(date.year), date.month, date.day)) << days;
		ASSERT_EQ(days_from_date(static_cast<int>(date.year), date.month, date.day), days);
	}
}

/// The first and the last date of PostgreSQL's type (its documentation, table 8.9).
TEST(Calendar, ReachesAsFarAsTheServers)
{
	const CalendarDate first = date_from_days(-2451545), last = date_from_days(2145031948);
	EXPECT_EQ(first.year, -4713);
	EXPECT_EQ(first.month, 11);
	EXPECT_EQ(first.day, 24);
	EXPECT_EQ(last.year, 5874897);
	EXPECT_EQ(last.month, 12);
	EXPECT_EQ(last.day, 31);
}
