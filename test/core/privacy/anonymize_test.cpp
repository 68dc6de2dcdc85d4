// Changes to a record must leave the rest of its text as it is.

#include <gtest/gtest.h>

#include "core/json/json_edit.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/pseudonym.h"

using namespace etl;

namespace
{

std::string
with_member(const std::string &text, const Path &path, const std::string &json)
{
	Document document;
	ParseError error;
	EXPECT_TRUE(document.parse(text, error)) << error.message;
	std::vector<Edit> edits;
	set_member(document, path, json, edits);
	return apply_edits(document.text(), std::move(edits));
}

PersonalDefinition
personal(Path path, Treatment treatment)
{
	PersonalDefinition p;
	p.path = std::move(path);
	p.treatment = treatment;
	return p;
}

} // namespace

TEST(SetMember, ReplacesAValueAndNothingElse)
{
	EXPECT_EQ(with_member(R"({ "a" : 1.50, "b":"x" })", {"b"}, "null"),
			  R"({ "a" : 1.50, "b":null })");
	EXPECT_EQ(with_member(R"({"a":{"b":[1,{"c":2}]}})", {"a", "b"}, "3"), R"({"a":{"b":3}})");
	EXPECT_EQ(with_member(R"({"a":"]}","b":[{"}":"]"}]})", {"b"}, "0"), R"({"a":"]}","b":0})");
}

TEST(SetMember, AddsAMemberThatIsMissing)
{
	EXPECT_EQ(with_member(R"({"a":1})", {"b"}, "2"), R"({"a":1, "b": 2})");
	EXPECT_EQ(with_member("{}", {"b \""}, "2"), R"({"b \"": 2})");
	EXPECT_EQ(with_member(R"({"a":{}})", {"a", "b"}, "2"), R"({"a":{"b": 2}})");
	EXPECT_EQ(with_member(R"({"a":1})", {"x", "y"}, "2"), R"({"a":1})") << "no object to add to";
}

TEST(Anonymize, TreatsDeclaredFieldsOnly)
{
	Document document;
	ParseError error;
	const std::string text =
		R"({"id": 7, "name": "Zo\u00eb", "mail":"z@example.com", "phone":null, "born":"1990-01-01", "notes":[{"t":"a"},{"t":"b"}]})";
	ASSERT_TRUE(document.parse(text, error));
	EXPECT_EQ(
		anonymize(document,
				  {personal({"name"}, Treatment::redact), personal({"mail"}, Treatment::token),
				   personal({"phone"}, Treatment::redact), personal({"born"}, Treatment::null),
				   personal({"notes", "*", "t"}, Treatment::redact),
				   personal({"absent"}, Treatment::redact)},
				  {"secret", "t@erased.invalid"}),
		R"({"id": 7, "name": "[erased]", "mail":"t@erased.invalid", "phone":null, "born":null, "notes":[{"t":"[erased]"},{"t":"[erased]"}]})");
}

TEST(Token, DependsOnKeyDatasetAndSubjectOnly)
{
	const std::string token = subject_token("secret", "customers", "1");
	EXPECT_EQ(token.size(), 32 + sizeof("@erased.invalid") - 1);
	EXPECT_EQ(token, subject_token("secret", "customers", "1"));
	EXPECT_NE(token, subject_token("secret2", "customers", "1"));
	EXPECT_NE(token, subject_token("secret", "people", "1"));
	EXPECT_NE(token, subject_token("secret", "customers", "2"));
	// the parts of the hashed text are separated
	EXPECT_NE(subject_token("secret", "a", "bc"), subject_token("secret", "ab", "c"));
	EXPECT_NE(subject_pseudonym("secret", "a", "subject", "b").substr(0, 32),
			  subject_token("secret", "a", "b").substr(0, 32));
}
