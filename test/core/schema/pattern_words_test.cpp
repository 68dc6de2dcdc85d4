// Descriptions of regular expressions: they must be exact, and empty if there is no short one.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/schema/pattern_words.h"
#include "core/schema/schema.h"

using namespace etl;

TEST(PatternWords, ClassesWithLengths)
{
	const std::pair<const char *, const char *> cases[] = {
		{"^[A-Z]{3}[0-9]{4}$", "consist of 3 upper-case letters A to Z and 4 digits"},
		{"^[A-Z][A-Z][A-Z]\\d\\d$", "consist of 3 upper-case letters A to Z and 2 digits"},
		{"^\\d+$", "consist of 1 or more digits"},
		{"^\\d*$", "consist of any number of digits"},
		{"^\\d{5,}$", "consist of at least 5 digits"},
		{"^\\d{5,8}$", "consist of 5 to 8 digits"},
		{"^[a-z]$", "consist of 1 lower-case letter a to z"},
		{"^[A-Za-z]{2}$", "consist of 2 letters (A to Z or a to z)"},
		{"^[0-9a-f]{32}$", "consist of 32 hexadecimal digits (0 to 9 or a to f)"},
		{"^[0-9a-fA-F]{8}$", "consist of 8 hexadecimal digits"},
		{"^[A-F]{2}$", "consist of 2 upper-case letters (A to F)"},
		{"^[\\w-]{1,20}$",
		 "consist of 1 to 20 characters (\"-\", 0 to 9, A to Z, \"_\" or a to z)"},
		{"^[^@\\s]+@[^@\\s]+$",
		 "consist of 1 or more characters (not blanks or \"@\"), \"@\" and 1 or "
		 "more characters (not blanks or \"@\"), in this order"},
		{"^\\p{Lu}\\p{L}*$", "consist of 1 upper-case letter and any number of letters"},
		{"^.{1,10}$", "consist of 1 to 10 characters"},
		{"^[^\\u0000-\\u001f]+$", "consist of 1 or more characters (not U+0000 to U+001F)"},
		{"^$", "be empty"},
		{"^abc$", "be \"abc\""},
		{"^a\"b$", "be 'a\"b'"},
	};
	for (const auto &[pattern, words] : cases)
		EXPECT_EQ(pattern_words(pattern), words) << pattern;
}

TEST(PatternWords, PrefixesPartsAndAlternatives)
{
	const std::pair<const char *, const char *> cases[] = {
		{"^INV-\\d{6}$", "consist of \"INV-\" and 6 digits"},
		{"^(INV|CRN)-\\d{6}$",
		 "consist of one of \"INV\" or \"CRN\", \"-\" and 6 digits, in this order"},
		{"^(EUR|USD|GBP)$", "be one of \"EUR\", \"USD\" or \"GBP\""},
		{"^EUR$|^USD$", "be one of \"EUR\" or \"USD\""},
		{"^\\d{5}(-\\d{4})?$", "consist of 5 digits and optionally (\"-\" and 4 digits)"},
		{"^(ab)+$", "consist of 1 or more times (\"ab\")"},
		{"^(?:[0-9]{2}){3}$", "consist of 3 times (2 digits)"},
		{"^(\\d{8}|[A-Z]\\d{7})$",
		 "be either (8 digits) or (1 upper-case letter A to Z and 7 digits)"},
		{"^-?\\d+$", "consist of optionally \"-\" and 1 or more digits"},
		{"^\\.", "begin with \".\""},
		{"\\.csv$", "end with \".csv\""},
		{"[*?\\[{]", "contain 1 character (\"*\", \"?\", \"[\" or \"{\")"},
	};
	for (const auto &[pattern, words] : cases)
		EXPECT_EQ(pattern_words(pattern), words) << pattern;
}

TEST(PatternWords, DatesNumbersAndIds)
{
	const std::pair<const char *, const char *> cases[] = {
		{"^\\d{4}-\\d{2}-\\d{2}$", "be a date written as YYYY-MM-DD"},
		{"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "be a date written as YYYY-MM-DD"},
		{"^\\d{4}-\\d{2}-\\d{2}T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\dZ$",
		 "be a date and time written as YYYY-MM-DDThh:mm:ssZ"},
		{"^\\d\\d:\\d\\d$", "be a time written as hh:mm"},
		{"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
		 "be a UUID in lower case"},
		// stricter than a date
		{"^(19|20)\\d{2}-\\d{2}-\\d{2}$", "consist of a number from 1900 to 2099, \"-\", 2 digits, "
										  "\"-\" and 2 digits, in this order"},
		{"^(0[1-9]|1[0-2])$", "be a number from 01 to 12"},
		{"^[1-9][0-9]{3}$", "be a number from 1000 to 9999"},
		// this is not a number but the beginning of one
		{"^0[1-9]\\d*$",
		 "consist of \"0\", 1 digit (1 to 9) and any number of digits, in this order"},
	};
	for (const auto &[pattern, words] : cases)
		EXPECT_EQ(pattern_words(pattern), words) << pattern;
}

TEST(PatternWords, NoneWhereNoneAreExactAndShort)
{
	for (const char *pattern :
		 {"^(?=.*\\d).{8,}$", "^(?!x)", "(?<=a)b", "^(a)\\1$", "\\bword\\b", "^a|b$", "a(^b|c$)",
		  "^[\\D]$", "^[^]$", "^\\cA$", "^\\u{1f4a9}$", "^\\p{Script=Greek}$", "^a\\u000ab$",
		  "^(((a|b)c|d)e|[a-z]{3}x{2}y{1,4}z?)(((a|b)c|d)e|[a-z]{3}x{2}y{1,4}z?)(((a|b)c|d)e|[a-z]{"
		  "3}x{2}y{1,4}z?)$",
		  "^(|a)$", "^a{0}$", ""})
		EXPECT_EQ(pattern_words(pattern), "") << pattern;
	std::string deep;
	for (int i = 0; i < 1000; ++i)
		deep += '(';
	deep += 'a';
	for (int i = 0; i < 1000; ++i)
		deep += ')';
	EXPECT_EQ(pattern_words(deep), "");
}

namespace
{

/// The first violation as "message | pattern".
std::string
told(const char *schema, const char *record)
{
	Document document;
	ParseError error;
	EXPECT_TRUE(document.parse(record, error));
	Violations violations;
	Schema::compile(nlohmann::json::parse(schema)).validate(document.root(), violations);
	return violations.empty() ? "" : violations[0].message + " | " + violations[0].pattern;
}

} // namespace

TEST(PatternWords, MessagesHaveWordsAndViolationsThePattern)
{
	EXPECT_EQ(told(R"({"properties": {"code": {"pattern": "^[A-Z]{3}[0-9]{4}$"}}})",
				   R"({"code": "ab secret"})"),
			  "/code: must consist of 3 upper-case letters A to Z and 4 digits | "
			  "^[A-Z]{3}[0-9]{4}$");
	EXPECT_EQ(
		told(
			R"({"properties": {"pin": {"title": "PIN", "description": "a PIN that does not begin with 0",
					"pattern": "^(?!0)\\d{4}$"}}})",
			R"({"pin": "0123"})"),
		"/pin: is not what the schema describes: a PIN that does not begin with 0 | "
		"^(?!0)\\d{4}$");
	EXPECT_EQ(told(R"({"properties": {"pin": {"title": "PIN", "pattern": "^(?!0)\\d{4}$"}}})",
				   R"({"pin": "0123"})"),
			  "/pin: is not what the schema describes: PIN | ^(?!0)\\d{4}$");
	EXPECT_EQ(
		told(R"({"properties": {"pin": {"pattern": "^(?!0)\\d{4}$"}}})", R"({"pin": "0123"})"),
		"/pin: does not follow the pattern at /properties/pin/pattern of the schema | "
		"^(?!0)\\d{4}$");
	EXPECT_EQ(told(R"({"not": {"pattern": "^\\."}})", R"(".x")"),
			  "(root): must not begin with \".\" | ^\\.");
	EXPECT_EQ(told(R"({"not": {"pattern": "^\\.", "minLength": 1}})", R"(".x")"),
			  "(root): is what \"not\" forbids | ");
	EXPECT_EQ(told(R"({"propertyNames": {"pattern": "^[a-z]+$"}})", R"({"Secret": 1})"),
			  "(root): a property's name must consist of 1 or more lower-case letters a to z | "
			  "^[a-z]+$");
	EXPECT_EQ(told(R"({"propertyNames": {"maxLength": 1}})", R"({"ab": 1})"),
			  "(root): a property's name is not what propertyNames asks for | ");
}

TEST(PatternWords, ThePatternStandsInTheJsonOfViolations)
{
	Violation violation;
	violation.code = Code::schema;
	violation.keyword = "pattern";
	violation.pattern = "^\"\\d$";
	std::string out;
	append_violations_json(out, {violation});
	EXPECT_EQ(nlohmann::json::parse(out)[0]["pattern"], "^\"\\d$");
}
