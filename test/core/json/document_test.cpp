#include <gtest/gtest.h>

#include "core/json/document.h"
#include "core/json/pointer.h"
#include "core/json/write.h"

using namespace etl;

namespace
{

std::string
round_trip(const std::string &text)
{
	Document d;
	ParseError e;
	if (!d.parse(text, e))
		return "error: " + e.message;
	std::string out;
	append_json(out, d.root());
	return out;
}

TEST(Json, ByteOrderMarkIsNotPassedOver)
{
	for (const char *text : {"\xEF\xBB\xBF{}", "\xEF\xBB\xBF 1", "\xEF\xBB\xBF"})
		EXPECT_EQ(round_trip(text).substr(0, 23), "error: byte-order mark,") << text;
}

TEST(Json, KeepsNumbersAsWritten)
{
	EXPECT_EQ(round_trip("[1.10, 12345678901234567890123456789012345678901, -0, 1E5]"),
			  "[1.10,12345678901234567890123456789012345678901,-0,1E5]");
	EXPECT_EQ(round_trip("12345678901234567890123456789012345678901"),
			  "12345678901234567890123456789012345678901");
	for (const char *bad :
		 {"01", "1.", ".5", "+1", "1e", "-", "NaN", "[01]", "[1.]", "{\"a\":1e+}", "1 2"})
		EXPECT_EQ(round_trip(bad).substr(0, 6), "error:") << bad;
}

TEST(Json, RootScalars)
{
	EXPECT_EQ(round_trip(" \"a\\u00e9\\n\" "), "\"aé\\n\"");
	EXPECT_EQ(round_trip("null"), "null");
	EXPECT_EQ(round_trip("true"), "true");
	EXPECT_EQ(round_trip("nul").substr(0, 6), "error:");
	EXPECT_EQ(round_trip("nulls").substr(0, 6), "error:");
	EXPECT_EQ(round_trip("truex").substr(0, 6), "error:");
	for (const char *bad :
		 {" falsex", " truex", "  nullx", " falsefalse", " false x", "\ttru", " nul"})
		EXPECT_EQ(round_trip(bad).substr(0, 6), "error:") << bad;
	EXPECT_EQ(round_trip(" false \n"), "false");
	EXPECT_EQ(round_trip("\tnull"), "null");
	EXPECT_EQ(round_trip("\"a\" 1").substr(0, 6), "error:");
	EXPECT_EQ(round_trip("").substr(0, 6), "error:");
}

TEST(Json, RefusesWhatReadersDisagreeAbout)
{
	Document d;
	ParseError e;
	EXPECT_FALSE(d.parse(R"({"a":{"x":1},"b":2,"a":3})", e));
	EXPECT_EQ(e.message, "member name appears twice in one object, the second time before byte 24");
	EXPECT_EQ(e.pointer, "/a");
	EXPECT_FALSE(d.parse(R"({"a":1,"\u0061":2})", e));
	std::string big = "{";
	for (int i = 0; i < 100; ++i)
		big += "\"k" + std::to_string(i) + "\":[" + std::to_string(i) + "],";
	EXPECT_TRUE(d.parse(big + "\"z\":1}", e)) << e.message;
	EXPECT_FALSE(d.parse(big + "\"k7\":1}", e));
}

TEST(Json, SaysWhereAFaultIs)
{
	const auto fault = [](std::string_view text)
	{
		Document d;
		ParseError e;
		EXPECT_FALSE(d.parse(text, e)) << text;
		return e.pointer + " " + e.message;
	};
	EXPECT_EQ(fault(R"({"a":[1,{"b":1,"c":2,"b":3}]})").substr(0, 8), "/a/1/b m");
	EXPECT_EQ(fault(R"({"a":[1,{"b":NaN}]})"), "/a/1/b expected a value at byte 14");
	EXPECT_EQ(fault(R"({"a":1,})"), " expected a member name at byte 8");
	EXPECT_EQ(fault("{\"a\":\"\xff\"}"), " not valid UTF-8 at byte 7");
	EXPECT_EQ(fault(""), " expected a value at byte 1, the end");
	std::string wide = "[0";
	for (uint32_t i = 0; i < Document::max_values; ++i)
		wide += ",0";
	Document d;
	ParseError e;
	EXPECT_FALSE(d.parse(wide + "]", e));
	EXPECT_EQ(e.sqlstate, "54000");
	d.release();
	EXPECT_TRUE(d.parse("[1,2]", e));
}

TEST(Json, RefusesBrokenText)
{
	for (const char *bad :
		 {"{", "}", "[1,2", "{\"a\":1]", "[1}", "{\"a\" 1}", "{\"a\":1,}", "[1,]", "{a:1}", "{} {}",
		  "[] x", "\"\\x\"", "\"\\ud800\"", "\"a", "{\"a\":tru}", "{\"a\":nul}", "[,]", "{\"a\":}"})
		EXPECT_EQ(round_trip(bad).substr(0, 6), "error:") << bad;
	Document d;
	ParseError e;
	EXPECT_FALSE(d.parse("{\"a\":\"\xff\"}", e));
	EXPECT_EQ(e.sqlstate, "22021");
	EXPECT_FALSE(d.parse(std::string("{\"a\":\"x\ty\"}"), e));
}

TEST(Json, DepthIsBounded)
{
	Document d;
	ParseError e;
	EXPECT_TRUE(d.parse(std::string(1000, '[') + std::string(1000, ']'), e)) << e.message;
	EXPECT_FALSE(d.parse(std::string(1001, '[') + std::string(1001, ']'), e));
	EXPECT_EQ(e.sqlstate, "54001");
	EXPECT_FALSE(d.parse(std::string(100000, '['), e));
}

TEST(Json, RawTextOfEveryValue)
{
	Document d;
	ParseError e;
	const std::string text = R"( {"a" : [ 1 , "x]}" , {} ] , "b" : { "c" : null } , "d":[]} )";
	ASSERT_TRUE(d.parse(text, e));
	EXPECT_EQ(d.root().raw(), text.substr(1, text.size() - 2));
	EXPECT_EQ(d.root().member("a").raw(), "[ 1 , \"x]}\" , {} ]");
	EXPECT_EQ(find(d.root(), {"a", "1"}).raw(), "\"x]}\"");
	EXPECT_EQ(find(d.root(), {"a", "2"}).raw(), "{}");
	EXPECT_EQ(d.root().member("b").raw(), "{ \"c\" : null }");
	EXPECT_EQ(d.root().member("d").raw(), "[]");
	EXPECT_FALSE(find(d.root(), {"a", "3"}));
	EXPECT_FALSE(find(d.root(), {"a", "01"}));
}

TEST(Json, ReplaceWithNumber)
{
	Document d;
	ParseError e;
	ASSERT_TRUE(d.parse(R"({"price":"16.99","n":1})", e));
	d.replace_with_number(d.root().member("price"), "16.99");
	EXPECT_TRUE(d.root().member("price").is(Kind::number));
	EXPECT_EQ(d.root().member("price").text(), "16.99");
	EXPECT_EQ(d.root().member("price").raw(), "\"16.99\"");
}

TEST(Json, Pointers)
{
	Path p;
	ASSERT_TRUE(parse_pointer("/a~1b/~0/", p));
	EXPECT_EQ(p, (Path{"a/b", "~", ""}));
	EXPECT_FALSE(parse_pointer("a", p));
	EXPECT_FALSE(parse_pointer("/~2", p));
	std::string s;
	append_pointer(s, "a/b~");
	EXPECT_EQ(s, "/a~1b~0");
	Document d;
	ParseError e;
	ASSERT_TRUE(d.parse(R"({"a":[{"b":1},{"b":2},{}],"c":{"x":3,"y":4}})", e));
	std::string found, pointer;
	find_all(d.root(), {"a", "*", "b"}, 0, pointer,
			 [&](Value v, const std::string &at)
			 { found += at + "=" + std::string(v.text()) + " "; });
	find_all(d.root(), {"c", "*"}, 0, pointer,
			 [&](Value v, const std::string &at)
			 { found += at + "=" + std::string(v.text()) + " "; });
	EXPECT_EQ(found, "/a/0/b=1 /a/1/b=2 /c/x=3 /c/y=4 ");
}

} // namespace
