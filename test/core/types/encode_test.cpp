#include "core/base/big_endian.h"
#include "core/json/write.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/json/decimal.h"

using namespace etl;

namespace
{

ColumnType
column(std::string_view sql)
{
	ColumnType type;
	EXPECT_TRUE(ColumnType::parse(sql, type)) << sql;
	return type;
}

struct Encoded
{
	bool ok = false;
	std::string bytes;
	TypeError error{"", ""};
};

Encoded
encode_json_text(const ColumnType &type, std::string_view json)
{
	static Document document;
	ParseError parse_error;
	// The value is parsed inside an array, which makes no difference to a value at the root.
	Encoded r;
	if (!document.parse("[" + std::string(json) + "]", parse_error))
	{
		ADD_FAILURE() << json << ": " << parse_error.message;
		return r;
	}
	r.bytes = "kept";
	r.ok = encode(type, document.root().first(), r.bytes, r.error);
	EXPECT_EQ(r.bytes.substr(0, 4), "kept");
	EXPECT_TRUE(r.ok || r.bytes == "kept") << "a failure appended bytes";
	r.bytes.erase(0, 4);
	return r;
}

/// The canonical text, or the SQLSTATE.
std::string
through(std::string_view sql, std::string_view json)
{
	const ColumnType type = column(sql);
	const Encoded r = encode_json_text(type, json);
	return r.ok ? canonical_text(type, r.bytes) : r.error.sqlstate;
}

std::string
hex(std::string_view bytes)
{
	std::string out;
	for (const char c : bytes)
	{
		char two[3];
		std::snprintf(two, sizeof(two), "%02x", static_cast<unsigned char>(c));
		out += two;
	}
	return out;
}

std::string
hex_of(std::string_view sql, std::string_view json)
{
	const Encoded r = encode_json_text(column(sql), json);
	return r.ok ? hex(r.bytes) : r.error.sqlstate;
}

std::string
json_string(std::string_view text)
{
	std::string out;
	append_json_string(out, text);
	return out;
}

struct Case
{
	const char *type;
	const char *json;
	const char *expected;
};

TEST(ColumnType, NormalisesNames)
{
	const std::pair<const char *, const char *> cases[] = {
		{"int8", "bigint"},
		{"INT", "integer"},
		{" int2 ", "smallint"},
		{"decimal", "numeric"},
		{"numeric(10, 2)", "numeric(10,2)"},
		{"NUMERIC ( 10 )", "numeric(10,0)"},
		{"numeric(3,-2)", "numeric(3,-2)"},
		{"float", "double precision"},
		{"float(24)", "real"},
		{"Double   Precision", "double precision"},
		{"bool", "boolean"},
		{"varchar", "character varying"},
		{"varchar(20)", "character varying(20)"},
		{"character varying(20)", "character varying(20)"},
		{"character varying (20)", "character varying(20)"},
		{"char", "character(1)"},
		{"char(5)", "character(5)"},
		{"timestamp", "timestamp without time zone"},
		{"timestamptz", "timestamp with time zone"},
		{"timestamp(3) with time zone", "timestamp(3) with time zone"},
		{"timestamptz(0)", "timestamp(0) with time zone"},
		{"pg_catalog.uuid", "uuid"},
		{"jsonb", "jsonb"},
	};
	for (const auto &[in, out] : cases)
	{
		const ColumnType type = column(in);
		EXPECT_EQ(type.sql, out);
		EXPECT_EQ(column(type.sql).sql, out);
		EXPECT_EQ(column(type.sql).id, type.id);
		EXPECT_EQ(column(type.sql).precision, type.precision);
	}
	ColumnType type;
	for (const char *in : {"", "money", "int8(3)", "varchar()", "varchar(0)", "varchar(x)",
						   "numeric(0)", "numeric(1001)", "numeric(5", "numeric(3) x", "text[]",
						   "varchar(1,2)", "timestamp(7)", "bytea", "float(54)"})
		EXPECT_FALSE(ColumnType::parse(in, type)) << in;
	EXPECT_EQ(type.sql, "text");
}

TEST(Encode, Integers)
{
	const Case cases[] = {
		{"bigint", "67318", "67318"},
		{"bigint", "\"067318\"", "67318"},
		{"bigint", "\" +5 \"", "5"},
		{"bigint", "-0", "0"},
		{"bigint", "1.0", "1"},
		{"bigint", "1e3", "1000"},
		{"bigint", "0e999999999", "0"},
		{"bigint", "9223372036854775807", "9223372036854775807"},
		{"bigint", "-9223372036854775808", "-9223372036854775808"},
		{"bigint", "-9223372036854775808.0", "-9223372036854775808"},
		{"bigint", "9223372036854775808", "22003"},
		{"bigint", "1e999999999", "22003"},
		{"bigint", "\"123456789012345678901234567890\"", "22003"},
		{"bigint", "1e-999999999", "22P02"},
		{"bigint", "1.5", "22P02"},
		{"bigint", "\"1.0\"", "22P02"},
		{"bigint", "\"\"", "22P02"},
		{"bigint", "\" \"", "22P02"},
		{"bigint", "\"-\"", "22P02"},
		{"bigint", "\"abc\"", "22P02"},
		{"bigint", "\"1 2\"", "22P02"},
		{"bigint", "\"99999999999999999999x\"", "22P02"},
		{"bigint", "\"1\\u0000\"", "22P02"},
		{"bigint", "true", "22P02"},
		{"bigint", "null", "22P02"},
		{"bigint", "[1]", "22P02"},
		{"integer", "2147483647", "2147483647"},
		{"integer", "-2147483648", "-2147483648"},
		{"integer", "2147483648", "22003"},
		{"smallint", "-32768", "-32768"},
		{"smallint", "32768", "22003"},
	};
	for (const Case &c : cases)
		EXPECT_EQ(through(c.type, c.json), c.expected) << c.type << ' ' << c.json;
	EXPECT_EQ(hex_of("bigint", "-2"), "fffffffffffffffe");
	EXPECT_EQ(hex_of("integer", "258"), "00000102");
	EXPECT_EQ(hex_of("smallint", "258"), "0102");
}

TEST(Encode, MessagesHoldNoValue)
{
	EXPECT_EQ(encode_json_text(column("int8"), "\"secret\"").error.message,
			  "expected bigint, got text that is not an integer");
	EXPECT_EQ(encode_json_text(column("int8"), "1e30").error.message,
			  "out of range for type bigint");
	EXPECT_EQ(encode_json_text(column("date"), "\"2021-02-30\"").error.message,
			  "date/time field value out of range for type date");
	for (const char *type : {"smallint", "bigint", "numeric(4,2)", "real", "float8", "bool",
							 "varchar(3)", "char(3)", "date", "timestamp", "timestamptz", "uuid"})
	{
		const Encoded r = encode_json_text(column(type), "\"12345 secret\"");
		EXPECT_FALSE(r.ok) << type;
		EXPECT_EQ(r.error.message.find("secret"), std::string::npos) << r.error.message;
		EXPECT_EQ(r.error.message.find("12345"), std::string::npos) << r.error.message;
	}
}

TEST(Encode, Numeric)
{
	const Case cases[] = {
		{"numeric", "1.50", "1.5"}, // canonical: 1.5 and 1.50 are the same key
		{"numeric", "\" 12.345 \"", "12.345"},
		{"numeric", "1e3", "1000"},
		{"numeric", "-0.00001234", "-0.00001234"},
		{"numeric", "-0.0", "0"},
		{"numeric", "10000", "10000"},
		{"numeric", "100000000.00000001", "100000000.00000001"},
		{"numeric", "1234567890123456789012345678901234567890",
		 "1234567890123456789012345678901234567890"},
		{"numeric", "1e131072", "22003"},
		{"numeric", "1e999999999", "22003"},
		{"numeric", "1e-16384", "22003"},
		{"numeric", "\"NaN\"", "22P02"},
		{"numeric", "\"\"", "22P02"},
		{"numeric", "\"12,5\"", "22P02"},
		{"numeric", "false", "22P02"},
		{"numeric", "{}", "22P02"},
		{"numeric(10,2)", "19.99", "19.99"},
		{"numeric(10,2)", "5", "5.00"},
		{"numeric(10,2)", "1.005", "1.01"},
		{"numeric(10,2)", "-1.005", "-1.01"},
		{"numeric(10,2)", "1.00499999999999999999999999", "1.00"},
		{"numeric(10,2)", "9.995", "10.00"},
		{"numeric(10,2)", "0.005", "0.01"},
		{"numeric(10,2)", "0.0049", "0.00"},
		{"numeric(10,2)", "-0.0049", "0.00"},
		{"numeric(10,2)", "0.0005", "0.00"},
		{"numeric(10,2)", "1e-999999999", "22003"},
		{"numeric(10,2)", "0", "0.00"},
		{"numeric(10,2)", "99999999.99", "99999999.99"},
		{"numeric(10,2)", "99999999.994", "99999999.99"},
		{"numeric(10,2)", "99999999.995", "22003"},
		{"numeric(10,2)", "100000000", "22003"},
		{"numeric(10,2)", "1e999999999", "22003"},
		{"numeric(3,5)", "0.00123", "0.00123"},
		{"numeric(3,5)", "0.01", "22003"},
		{"numeric(3,-2)", "12345", "12300"},
		{"numeric(3,-2)", "50", "100"},
		{"numeric(3,-2)", "49", "0"},
		{"numeric(3,-2)", "99950", "22003"},
		{"numeric(3)", "2.5", "3"},
	};
	for (const Case &c : cases)
		EXPECT_EQ(through(c.type, c.json), c.expected) << c.type << ' ' << c.json;

	// The bytes that numeric_send() returns.
	EXPECT_EQ(hex_of("numeric", "0"), "0000000000000000");
	EXPECT_EQ(hex_of("numeric", "1.50"), "00020000000000020001"
										 "1388");
	EXPECT_EQ(hex_of("numeric", "-12345.678"), "00030001400000030001"
											   "0929"
											   "1a7c");
	EXPECT_EQ(hex_of("numeric", "0.0001"), "0001ffff000000040001");
	EXPECT_EQ(hex_of("numeric", "0.00001"), "0001fffe00000005"
											"03e8");
	EXPECT_EQ(hex_of("numeric", "10000"), "0001000100000000"
										  "0001");
	EXPECT_EQ(hex_of("numeric(10,2)", "0.00"), "0000000000000002");
	EXPECT_EQ(hex_of("numeric", "1e131071"), "00017fff00000000"
											 "03e8");
	EXPECT_EQ(encode_json_text(column("numeric"), "\"1e-16383\"").ok, true);
}

/// Decodes the wire format independently, digit by digit.
Decimal
decode_numeric(std::string_view b)
{
	const auto word = [&](size_t i) {
		return static_cast<unsigned char>(b[2 * i]) << 8 | static_cast<unsigned char>(b[2 * i + 1]);
	};
	std::string text = word(2) ? "-0" : "0";
	for (int i = 0; i < word(0); ++i)
	{
		char four[8];
		std::snprintf(four, sizeof(four), "%04d", word(4 + static_cast<size_t>(i)));
		text += four;
	}
	const int weight = static_cast<int16_t>(word(1));
	return *Decimal::parse(text + "e" + std::to_string(4 * (weight + 1 - word(0))));
}

TEST(Encode, NumericRoundTripsAtRandom)
{
	std::mt19937_64 random(11);
	const ColumnType type = column("numeric");
	for (int i = 0; i < 20000; ++i)
	{
		std::string text = random() % 2 ? "-" : "";
		text += static_cast<char>('1' + random() % 9);
		for (size_t n = random() % 30; n > 0; --n)
			text += static_cast<char>('0' + random() % (random() % 3 ? 10 : 1));
		text += "e" + std::to_string(static_cast<int>(random() % 50) - 30);
		const Encoded r = encode_json_text(type, text);
		ASSERT_TRUE(r.ok) << text;
		EXPECT_EQ(decode_numeric(r.bytes).compare(*Decimal::parse(text)), 0)
			<< text << ' ' << hex(r.bytes);
		EXPECT_EQ(Decimal::parse(canonical_text(type, r.bytes))->compare(*Decimal::parse(text)), 0)
			<< text;
		const size_t count = static_cast<size_t>(static_cast<unsigned char>(r.bytes[1]));
		EXPECT_EQ(r.bytes.size(), 8 + 2 * count);
		EXPECT_NE(r.bytes.substr(8, 2), std::string(2, '\0')) << text;
		EXPECT_NE(r.bytes.substr(r.bytes.size() - 2), std::string(2, '\0')) << text;
	}
}

TEST(Encode, Floats)
{
	EXPECT_EQ(hex_of("float8", "1.5"), "3ff8000000000000");
	EXPECT_EQ(hex_of("float8", "\" +1.5 \""), "3ff8000000000000");
	EXPECT_EQ(hex_of("float8", "-0"), "8000000000000000");
	EXPECT_EQ(hex_of("float8", "0e999"), "0000000000000000");
	EXPECT_EQ(hex_of("float8", "0.1"), "3fb999999999999a");
	EXPECT_EQ(hex_of("float8", "\".5\""), "3fe0000000000000");
	EXPECT_EQ(hex_of("float8", "4.9e-324"), "0000000000000001");
	EXPECT_EQ(hex_of("float8", "1e308"), "7fe1ccf385ebc8a0");
	EXPECT_EQ(hex_of("real", "1.5"), "3fc00000");
	EXPECT_EQ(hex_of("real", "1e-45"), "00000001");
	for (const char *json : {"1e309", "-1e309", "1e-400", "1e999999999", "1e-999999999"})
		EXPECT_EQ(hex_of("float8", json), "22003") << json;
	for (const char *json : {"1e39", "1e-46", "-1e300"})
		EXPECT_EQ(hex_of("real", json), "22003") << json;
	for (const char *json :
		 {"\"\"", "\"abc\"", "\"NaN\"", "\"inf\"", "\"-Infinity\"", "\"0x10\"", "\"1.5x\"",
		  "\"+-1\"", "\" +-1\"", "\"--1\"", "\"1e\"", "\".\"", "true", "[]"})
		EXPECT_EQ(hex_of("float8", json), "22P02") << json;
}

TEST(Encode, Booleans)
{
	for (const char *json : {"true", "\"t\"", "\"TRUE\"", "\"tr\"", "\"yes\"", "\"Y\"", "\"on\"",
							 "\"1\"", "\" true \"", "1"})
		EXPECT_EQ(hex_of("boolean", json), "01") << json;
	for (const char *json :
		 {"false", "\"f\"", "\"no\"", "\"n\"", "\"of\"", "\"off\"", "\"0\"", "0"})
		EXPECT_EQ(hex_of("boolean", json), "00") << json;
	for (const char *json : {"\"o\"", "\"\"", "\"2\"", "2", "\"truee\"", "\"tf\"", "{}"})
		EXPECT_EQ(hex_of("boolean", json), "22P02") << json;
}

TEST(Encode, Texts)
{
	const Case cases[] = {
		{"text", "\"a\\u00e9\"", "a\u00e9"},
		{"text", "\"\"", ""},
		{"text", "1.50", "1.50"},
		{"text", "1e400", "1e400"},
		{"text", "true", "true"},
		{"text", "\"a\\u0000b\"", "22P05"},
		{"text", "[1]", "22P02"},
		{"varchar(3)", "\"abc\"", "abc"},
		{"varchar(3)", "\"\u00e9\u00e9\u00e9\"", "\u00e9\u00e9\u00e9"},
		{"varchar(3)", "\"\U0001f600\u00e9\u00e9\"", "\U0001f600\u00e9\u00e9"},
		{"varchar(3)", "\"abcd\"", "22001"},
		{"varchar(3)", "\"\u00e9\u00e9\u00e9\u00e9\"", "22001"},
		{"varchar(3)", "\"abc  \"", "abc"},
		{"varchar(3)", "\"a    \"", "a  "},
		{"varchar(3)", "\"ab   x\"", "22001"},
		{"varchar(3)", "12345", "22001"},
		{"char(3)", "\"a \"", "a"},
		{"char(3)", "\"a    \"", "a"},
		{"char(3)", "\"abcd\"", "22001"},
	};
	for (const Case &c : cases)
		EXPECT_EQ(through(c.type, c.json), c.expected) << c.type << ' ' << c.json;
	EXPECT_NE(encode_json_text(column("text"), "\"\\u0000\"").error.message.find("\\u0000"),
			  std::string::npos);
}

TEST(Encode, Dates)
{
	const Case cases[] = {
		{"date", "2000-01-01", "2000-01-01"},
		{"date", " 2024-02-29 ", "2024-02-29"},
		{"date", "1999-12-31", "1999-12-31"},
		{"date", "0001-01-01", "0001-01-01"},
		{"date", "9999-12-31", "9999-12-31"},
		{"date", "2021-05-06T00:00:00", "2021-05-06"},
		{"date", "2021-05-06 00:00:00.000Z", "2021-05-06"},
		{"date", "2021-05-06T00:00:01", "22007"},
		{"date", "2021-05-06T00:00:00+02:00", "22007"},
		{"date", "2021-02-29", "22008"},
		{"date", "1900-02-29", "22008"},
		{"date", "2021-02-30", "22008"},
		{"date", "2021-13-01", "22008"},
		{"date", "2021-00-01", "22008"},
		{"date", "2021-01-00", "22008"},
		{"date", "0000-01-01", "22008"},
		{"date", "2021-1-1", "22007"},
		{"date", "20210101", "22007"},
		{"date", "01/02/2021", "22007"},
		{"date", "", "22007"},
		{"date", "infinity", "22007"},
		{"date", "today", "22007"},
		{"date", "10000-01-01", "22007"},
		{"date", "2021-01-01 ", "2021-01-01"},
		{"date", "2021-01-01T", "22007"},
		{"timestamp", "2021-05-06T07:08:09", "2021-05-06 07:08:09"},
		{"timestamp", "2021-05-06 07:08", "2021-05-06 07:08:00"},
		{"timestamp", "2021-05-06", "2021-05-06 00:00:00"},
		{"timestamp", "2021-05-06T07:08:09.120", "2021-05-06 07:08:09.12"},
		{"timestamp", "2021-05-06T07:08:09.1234567", "2021-05-06 07:08:09.123457"},
		{"timestamp", "2021-05-06T07:08:09.9999999", "2021-05-06 07:08:10"},
		{"timestamp", "2021-12-31T23:59:60", "2022-01-01 00:00:00"},
		{"timestamp", "2021-12-31T24:00:00", "2022-01-01 00:00:00"},
		{"timestamp", "9999-12-31T24:00:00", "10000-01-01 00:00:00"},
		{"timestamp", "2021-12-31T12:00:60.5", "2021-12-31 12:01:00.5"},
		{"timestamp", "2021-12-31T23:59:60.5", "22008"},
		{"timestamp", "2021-12-31T24:00:01", "22008"},
		{"timestamp", "2021-12-31T25:00:00", "22008"},
		{"timestamp", "2021-12-31T23:60:00", "22008"},
		{"timestamp", "2021-12-31T23:59:61", "22008"},
		{"timestamp", "2021-02-30T00:00:00", "22008"},
		{"timestamp", "2021-05-06T07:08:09+02:00", "2021-05-06 07:08:09"},
		{"timestamp", "1969-12-31T23:59:59.5", "1969-12-31 23:59:59.5"},
		{"timestamp(0)", "2021-05-06T07:08:09.5", "2021-05-06 07:08:10"},
		{"timestamp(3)", "1999-05-06T07:08:09.1236", "1999-05-06 07:08:09.124"},
		{"timestamptz", "2021-05-06T07:08:09Z", "2021-05-06 07:08:09+00"},
		{"timestamptz", "2021-05-06T07:08:09", "2021-05-06 07:08:09+00"},
		{"timestamptz", "2021-05-06T07:08:09+02:00", "2021-05-06 05:08:09+00"},
		{"timestamptz", "2021-05-06T07:08:09-0530", "2021-05-06 12:38:09+00"},
		{"timestamptz", "2021-05-06t07:08:09.25+02", "2021-05-06 05:08:09.25+00"},
		{"timestamptz", "0001-01-01T00:00:00+15:00", "0001-12-31 09:00:00+00 BC"},
		{"timestamptz", "2021-05-06T07:08:09+16", "22009"},
		{"timestamptz", "2021-05-06T07:08:09 UTC", "2021-05-06 07:08:09+00"},
		{"timestamptz", "2021-05-06T07:08:09+2", "22007"},
		{"timestamptz", "2021-05-06T07:08:09.Z", "22007"},
		{"timestamptz", "2021-05-06T7:08:09", "22007"},
		{"timestamptz", "2021-05-06T07:08:09Zx", "22007"},
		{"timestamptz", "now", "22007"},
	};
	for (const Case &c : cases)
		EXPECT_EQ(through(c.type, json_string(c.json)), c.expected) << c.type << ' ' << c.json;
	EXPECT_EQ(through("date", "20210101"), "22P02");
	EXPECT_EQ(hex_of("date", "\"2000-01-02\""), "00000001");
	EXPECT_EQ(hex_of("date", "\"1970-01-01\""), "ffffd533");
	EXPECT_EQ(hex_of("timestamptz", "\"2000-01-01T00:00:01Z\""), "00000000000f4240");
	EXPECT_EQ(hex_of("timestamp", "\"1999-12-31T23:59:59.999999\""), "ffffffffffffffff");
}

TEST(Encode, EveryDayRoundTrips)
{
	const ColumnType type = column("date");
	std::string bytes;
	for (int32_t days = -730119; days <= 2921939; days += 97)
	{
		bytes.clear();
		append_int32(bytes, days);
		const std::string text = canonical_text(type, bytes);
		EXPECT_EQ(encode_json_text(type, json_string(text)).bytes, bytes) << text;
	}
}

TEST(Encode, Uuids)
{
	const char *text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
	for (const char *in :
		 {text, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
		  "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
		  "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}"})
		EXPECT_EQ(through("uuid", json_string(in)), text) << in;
	for (const char *in :
		 {"", "a", "{", "{}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
		  "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a112", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		  "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		  "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
		  "a0e-ebc999c0b4ef8bb6d6bb9bd380a11"})
		EXPECT_EQ(through("uuid", json_string(in)), "22P02") << in;
	EXPECT_EQ(through("uuid", "1"), "22P02");
}

TEST(Encode, Json)
{
	EXPECT_EQ(through("json", R"({"a": [1, "x\u0000"]})"), R"({"a": [1, "x\u0000"]})");
	EXPECT_EQ(encode_json_text(column("jsonb"), R"({"a": 1.0})").bytes, "\1{\"a\": 1.0}");
	EXPECT_EQ(through("jsonb", "null"), "null");
	EXPECT_EQ(through("jsonb", R"({"a": ["x\u0000"]})"), "22P05");
	EXPECT_EQ(through("jsonb", R"({"\u0000": 1})"), "22P05");
	EXPECT_EQ(through("jsonb", R"("\\u0000")"), R"("\\u0000")");
	EXPECT_EQ(through("jsonb", R"("\\\u0000")"), "22P05");
	EXPECT_EQ(through("jsonb", "[1e131071]"), "[1e131071]");
	EXPECT_EQ(through("jsonb", "[1e131072]"), "22003");
	EXPECT_EQ(through("jsonb", "[1e-16384]"), "22003");
}

/// Values in ascending order have prefixes in ascending order.
TEST(SortPrefix, KeepsTheOrder)
{
	const std::pair<const char *, std::vector<const char *>> cases[] = {
		{"smallint", {"-32768", "-1", "0", "1", "32767"}},
		{"integer", {"-2147483648", "-1", "0", "1", "2147483647"}},
		{"bigint", {"-9223372036854775808", "-1", "0", "1", "9223372036854775807"}},
		{"numeric",
		 {"-1e131071", "-10000.5", "-10000", "-9999", "-1", "-0.5", "-1e-16000", "0", "1e-16000",
		  "0.0001", "0.5", "1", "1.00000001", "2", "9999", "10000", "10000.5", "1e20", "1e131071"}},
		{"float8", {"-1e308", "-1", "-1e-300", "0", "1e-300", "1", "1e308"}},
		{"real", {"-1e38", "-1", "0", "1e-30", "1e38"}},
		{"boolean", {"false", "true"}},
		{"text", {"\"\"", "\"A\"", "\"AB\"", "\"a\"", "\"abcdefg\"", "\"abcdefgh\"", "\"\u00e9\""}},
		{"date", {"\"0001-01-01\"", "\"1999-12-31\"", "\"2000-01-01\"", "\"9999-12-31\""}},
		{"timestamptz",
		 {"\"0001-01-01\"", "\"1999-12-31T23:59:59Z\"", "\"2000-01-01\"", "\"9999-12-31\""}},
		{"uuid",
		 {"\"00000000-0000-0000-0000-000000000000\"", "\"00000001-0000-0000-0000-000000000000\"",
		  "\"80000000-0000-0000-0000-000000000000\"", "\"ffffffff-0000-0000-0000-000000000000\""}},
	};
	for (const auto &[sql, values] : cases)
	{
		const ColumnType type = column(sql);
		for (size_t i = 1; i < values.size(); ++i)
			EXPECT_LT(sort_prefix(type, encode_json_text(type, values[i - 1]).bytes),
					  sort_prefix(type, encode_json_text(type, values[i]).bytes))
				<< sql << ' ' << values[i - 1] << ' ' << values[i];
	}
	EXPECT_EQ(sort_prefix(column("float8"), encode_json_text(column("float8"), "-0").bytes),
			  sort_prefix(column("float8"), encode_json_text(column("float8"), "0").bytes));
}

TEST(SortPrefix, OrdersRandomNumerics)
{
	std::mt19937_64 random(3);
	const ColumnType type = column("numeric");
	std::string last = "0";
	for (int i = 0; i < 10000; ++i)
	{
		const std::string text = std::to_string(static_cast<int64_t>(random()) >> (random() % 64)) +
								 "e" + std::to_string(static_cast<int>(random() % 12) - 6);
		const uint64_t a = sort_prefix(type, encode_json_text(type, last).bytes);
		const uint64_t b = sort_prefix(type, encode_json_text(type, text).bytes);
		const int order = Decimal::parse(last)->compare(*Decimal::parse(text));
		EXPECT_TRUE(order == 0 ? a == b : order < 0 ? a <= b : a >= b) << last << ' ' << text;
		last = text;
	}
}

} // namespace
