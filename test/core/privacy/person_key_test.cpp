#include "core/privacy/person_key.h"
#include "core/types/column_type.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

using namespace etl;

namespace
{

ColumnType
type_of(std::string_view sql)
{
	ColumnType type;
	EXPECT_TRUE(ColumnType::parse(sql, type)) << sql;
	return type;
}

std::string
read(std::string_view key, std::string_view text)
{
	std::string canonical;
	return read_person_key(type_of(key), text, canonical) ? canonical : "nobody";
}

TEST(PersonKey, reads_what_the_type_of_the_key_calls_the_same)
{
	for (const char *text : {"67318", "067318", "+67318", " 67318 ", "67318.0", "6.7318e4",
							 "６７３１８", "67318\u00a0"})
		EXPECT_EQ(read("bigint", text), "67318") << text;
	for (const char *text : {"", "x", "67318.5", "67318x", "99999999999999999999", "67 318"})
		EXPECT_EQ(read("bigint", text), "nobody") << text;
	EXPECT_EQ(read("uuid", "{0A1B2C3D4E5F4A6B8C7D9E0F1A2B3C4D}"),
			  "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
	EXPECT_EQ(read("character(5)", "ab  "), "ab");
	EXPECT_EQ(read("text", "ab  "), "ab  ");
	EXPECT_EQ(read("text", "067318"), "067318");
	EXPECT_EQ(read("numeric(10,2)", "7"), "7.00");
}

TEST(PersonKey, knows_which_columns_tell_who_is_meant)
{
	const auto tells = [](std::string_view column, std::string_view key)
	{ return tells_person(type_of(column), type_of(key)); };
	EXPECT_TRUE(tells("text", "bigint"));
	EXPECT_TRUE(tells("smallint", "bigint"));
	EXPECT_TRUE(tells("bigint", "integer"));
	EXPECT_TRUE(tells("numeric", "integer"));
	EXPECT_TRUE(tells("char(9)", "integer"));
	EXPECT_TRUE(tells("text", "char(9)"));
	EXPECT_TRUE(tells("date", "date"));
	EXPECT_FALSE(tells("bigint", "text"));
	EXPECT_FALSE(tells("uuid", "text"));
	EXPECT_FALSE(tells("char(9)", "text"));
	EXPECT_FALSE(tells("numeric(10,0)", "bigint"));
	EXPECT_FALSE(tells("double precision", "bigint"));
	EXPECT_FALSE(tells("jsonb", "text"));
}

TEST(PersonKey, compares_without_a_function_where_an_index_serves)
{
	const auto direct = [](std::string_view column, std::string_view key)
	{ return compare_directly(type_of(column), type_of(key)); };
	EXPECT_TRUE(direct("bigint", "bigint"));
	EXPECT_TRUE(direct("integer", "bigint"));
	EXPECT_TRUE(direct("varchar(9)", "text"));
	EXPECT_TRUE(direct("char(9)", "char(9)"));
	EXPECT_FALSE(direct("text", "bigint"));
	EXPECT_FALSE(direct("char(9)", "char(8)"));
	EXPECT_FALSE(direct("text", "char(9)"));
}

} // namespace
