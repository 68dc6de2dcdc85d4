#include <gtest/gtest.h>

#include "core/json/document.h"
#include "core/json/fault.h"

using namespace etl;

namespace
{

/// The pointer of the fault. It must be the same from the reader alone and with the parser before
/// it.
std::string
pointer_of(std::string_view text)
{
	const JsonFault fault = find_json_fault(text);
	EXPECT_NE(fault.message, "") << text;
	Document d;
	ParseError e;
	EXPECT_FALSE(d.parse(text, e)) << text;
	EXPECT_EQ(e.pointer, fault.pointer) << text;
	EXPECT_EQ(e.message.substr(0, fault.message.size()), fault.message) << text;
	EXPECT_EQ(e.sqlstate, fault.is_encoding ? "22021" : "22P02") << text;
	return fault.pointer;
}

/// A part of a text, and the pointer of the fault if the text ends before any byte of this part.
struct Cut
{
	const char *piece;
	const char *pointer;
};

TEST(JsonFault, CutOffAtEveryByte)
{
	const Cut cuts[] = {
		{"{\"id\":", ""},
		{"1", "/id"},
		{"2", ""}, // {"id":1 is cut off after a value
		{", \"na\\u006de\" :", ""},
		{" \"Ann \\\"é\\u00e9\\ud83d\\ude00\"", "/name"},
		{" , \"a/b~\":", ""},
		{"{", "/a~1b~0"},
		{"\"list\":", "/a~1b~0"},
		{"[", "/a~1b~0/list"},
		{"t", "/a~1b~0/list"},
		{"rue", "/a~1b~0/list/0"},
		{",", "/a~1b~0/list"},
		{" [", "/a~1b~0/list/1"},
		{"]", "/a~1b~0/list/1"},
		{" ,", "/a~1b~0/list"},
		{"{", "/a~1b~0/list/2"},
		{"\"\":", "/a~1b~0/list/2"},
		{"-1", "/a~1b~0/list/2/"},
		{".", "/a~1b~0/list/2"},
		{"5", "/a~1b~0/list/2/"},
		{"e", "/a~1b~0/list/2"},
		{"+3", "/a~1b~0/list/2/"},
		{"}", "/a~1b~0/list/2"},
		{"]", "/a~1b~0/list"},
		{"}", "/a~1b~0"},
		{" }", ""},
	};
	std::string text;
	for (const Cut &cut : cuts)
		for (const char *c = cut.piece; *c != '\0'; ++c)
		{
			EXPECT_EQ(pointer_of(text), cut.pointer) << text;
			text += *c;
		}
	EXPECT_EQ(find_json_fault(text).message, "");
	Document d;
	ParseError e;
	EXPECT_TRUE(d.parse(text, e)) << e.message;
}

TEST(JsonFault, LeadsToWhatIsWrong)
{
	EXPECT_EQ(pointer_of(R"({"id": 1, "name": "abc)"), "/name");
	EXPECT_EQ(pointer_of(R"({"id": 1, "name": )"), "/name");
	EXPECT_EQ(pointer_of(R"({"id": 1, "name")"), "");
	EXPECT_EQ(pointer_of(R"({"id": 1, "list": [1, NaN]})"), "/list/1");
	EXPECT_EQ(pointer_of(R"({"id": 1, "list": [x]})"), "/list/0");
	EXPECT_EQ(pointer_of(R"({"id": 1, "list": [1, 2})"), "/list");
	EXPECT_EQ(pointer_of(R"({"id": 1, "list": [[1], {"a": {"b": 01}}]})"), "/list/1/a/b");
	EXPECT_EQ(pointer_of(R"({"id": [1] "list": 2})"), "");
	EXPECT_EQ(pointer_of(R"({"id": "a\x"})"), "/id");
	EXPECT_EQ(pointer_of("{\"id\": \"a\tb\"}"), "/id");
	EXPECT_EQ(pointer_of(R"({"\u0000\n\ud83d\ude00\"": tru})"),
			  "/\xef\xbf\xbd\n\xf0\x9f\x98\x80\"");
	EXPECT_EQ(pointer_of(R"([1, 2, {"a": [)"), "/2/a");
	EXPECT_EQ(pointer_of(R"([1, [], 2 3])"), "");
	EXPECT_EQ(pointer_of(R"([{"a": 1}, {"a": 1, }])"), "/1");
	EXPECT_EQ(pointer_of(R"({"a": 1} x)"), "");
	EXPECT_EQ(pointer_of(R"("abc)"), "");
	EXPECT_EQ(pointer_of(""), "");
	// faults are found in the order of the text, even if the parser finds another one first
	EXPECT_EQ(pointer_of(R"([{"a": 1, "a": 2}, "abc)"), "/1");
	EXPECT_EQ(pointer_of(R"({"a": tru, "b": "abc)"), "/a");
}

TEST(JsonFault, NotUtf8)
{
	EXPECT_EQ(find_json_fault("{\"a\": \"\xff\"}").message, "not valid UTF-8");
	EXPECT_EQ(pointer_of("{\"a\": \"\xff\"}"), "");
	EXPECT_EQ(pointer_of("{\"a\": \"\xc3(\", \"b\": \"cut"), "");
	EXPECT_EQ(find_json_fault("\"\xed\xa0\x80").at, 1u); // a surrogate
	// a record that ends inside a character was cut off there
	for (const char *begun : {"\xc3", "\xe0", "\xe0\xa0", "\xed", "\xed\x9f", "\xf0", "\xf0\x90",
							  "\xf0\x9f\x98", "\xf4", "\xf4\x8f\xbf"})
	{
		const std::string text = std::string("{\"id\": 1, \"name\": \"abc") + begun;
		EXPECT_EQ(pointer_of(text), "/name");
		EXPECT_EQ(find_json_fault(text).message, "string is not closed");
	}
	for (const char *never : {"\xff", "\xc0", "\x80", "\xe0\x80", "\xed\xa0", "\xf4\x90", "\xf5"})
		EXPECT_TRUE(find_json_fault(std::string("{\"name\": \"abc") + never).is_encoding);
}

TEST(JsonFault, DepthDoesNotMatter)
{
	const std::string deep(1'000'000, '[');
	EXPECT_EQ(find_json_fault(deep + std::string(1'000'000, ']')).message, "");
	EXPECT_EQ(find_json_fault(deep).pointer, "");
	EXPECT_EQ(find_json_fault(deep).at, deep.size());
	std::string thousand;
	for (int i = 0; i < 999; ++i)
		thousand += "/0";
	EXPECT_EQ(find_json_fault(std::string(999, '[') + "[1 2").pointer, thousand);
	// after a value that is too deep for a pointer, the steps are right again
	EXPECT_EQ(pointer_of("[1, {\"a\": " + std::string(1500, '[') + std::string(1500, ']') + ", x"),
			  "/1");
}

} // namespace
