// Which parts of a refused record about an erased person stay, and which are replaced.
#include "core/definition/normalize.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/record_eraser.h"
#include "core/privacy/refused_record.h"
#include "core/types/type_error.h"

#include <gtest/gtest.h>

using namespace etl;

namespace
{

constexpr const char *text = R"json({
	"type": "object", "additionalProperties": false, "required": ["id"],
	"properties": {"id": {"type": "string"}, "first_name": {"type": "string"}, "born": {},
		"country": {"type": "string", "maxLength": 20}, "price": {"type": "number"}, "info": {}, "notes": {},
		"address": {"type": "object", "properties": {"street": {}, "city": {}, "country": {}}},
		"items": {"type": "array", "items": {"type": "object"}}},
	"x-etl": {
		"dataset": "people", "files": ["people.json"], "key": "/id",
		"tables": [{"schema": "data", "name": "people", "primary_key": ["id"],
			"columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "name", "from": "/first_name"},
				{"name": "born", "type": "date", "from": "/born"}, {"name": "country", "from": "/country"},
				{"name": "price", "type": "numeric(10,2)", "from": "/price"}, {"name": "info", "type": "jsonb", "from": "/info"},
				{"name": "notes", "type": "jsonb", "from": "/notes"}, {"name": "land", "from": "/address/country"}]},
			{"schema": "data", "name": "items", "each": "/items", "primary_key": ["id", "line"],
			"columns": [{"name": "id", "type": "bigint", "from": "/id"}, {"name": "line", "type": "int", "from": "$line"},
				{"name": "sku", "type": "int", "from": "./sku"}]}],
		"normalize": [{"field": "/price", "to": "number"}],
		"subject": {"field": "/id"},
		"personal": [{"field": "/first_name", "treatment": "redact"}, {"field": "/info/name", "treatment": "redact"},
			{"field": "/address/street", "treatment": "redact"}, {"field": "/address/city", "treatment": "null"},
			{"field": "/items/*/gift_for", "treatment": "redact"}]
	}
})json";

/// Reads one form of dates that encode() does not read.
struct Types : TypeInput
{
	bool read(const ColumnType &, std::string_view text, std::string &, TypeError &error) override
	{
		error.sqlstate = "22007";
		return text == "19800203";
	}
};

struct Records
{
	Definition definition = Definition::read(text);
	KeyTypes key_types;
	Types types;
	Document document;

	Document &parsed(const std::string &record)
	{
		ParseError error;
		EXPECT_TRUE(document.parse(record, error)) << record;
		normalize_numbers(definition, document);
		return document;
	}
	bool is_refused(const std::string &record)
	{
		return RefusedRecord(definition, key_types, &types).is_refused(parsed(record));
	}
	std::string treated(const std::string &record)
	{
		const RefusedRecord refused(definition, key_types, &types);
		std::string out = refused.treat(parsed(record), {"secret", "token"});
		EXPECT_EQ(refused.treat(parsed(out), {"secret", "token"}), out) << "treated once more";
		return out;
	}
	std::string anonymized(const std::string &record)
	{
		return anonymize(parsed(record), definition.personal, {"secret", "token"});
	}
};

} // namespace

TEST(RefusedRecord, is_one_that_breaks_schema_or_types)
{
	Records records;
	for (const char *record :
		 {R"({"id": "1", "First_Name": "Ann"})", R"({"id": "1", "born": "Ann"})",
		  R"({"id": "1", "born": "1980 Ann"})", R"({"id": "x"})", R"({"first_name": "Ann"})",
		  R"({"id": "1", "items": [{"sku": 1}, {"sku": "Ann"}]})",
		  R"({"id": "1", "address": "Ann"})", R"([1])", R"("1")"})
		EXPECT_TRUE(records.is_refused(record)) << record;
	for (const char *record :
		 {R"({"id": "1"})", R"({"id": "1", "born": "19800203", "price": "1.50"})",
		  R"({"id": "1", "info": "Ann", "notes": ["Ann"], "items": [{"sku": 1, "more": 2}]})",
		  R"({"id": "1", "born": null, "items": null, "address": {"more": 1}})"})
		EXPECT_EQ(records.is_refused(record),
				  std::string(record).find("null,") != std::string::npos)
			<< record;
}

TEST(RefusedRecord, keeps_what_the_definition_knows)
{
	Records records;
	for (const char *record :
		 {R"({ "id" : "1",  "country":"DK", "price": 1.50, "born": "1980-02-03" })",
		  R"({"id": 1, "price": "1.50", "born": "19800203"})",
		  R"({"id": "1", "notes": {"any": ["thing", {"at": "all"}]}})",
		  R"({"id": "1", "items": [{"sku": 1}, {"sku": "2"}, null], "address": {"country": "DK"}})",
		  R"({"id": null, "country": null, "items": [], "address": {}})"})
		EXPECT_EQ(records.treated(record), record);
}

TEST(RefusedRecord, replaces_every_other_value)
{
	Records records;
	for (
		const auto &[record, expected] :
		std::initializer_list<std::pair<const char *, const char *>>{
			{R"({"id": "1", "First_Name": "Ann", "firstName": {"a": "Ann"}})",
			 R"({"id": "1", "First_Name": "[erased]", "firstName": "[erased]"})"},
			{R"({"id": "1", "first_name": ["Ann"], "born": "Ann"})",
			 R"({"id": "1", "first_name": "[erased]", "born": "[erased]"})"},
			{R"({"id": "1", "born": "1980 Ann", "price": "Ann"})",
			 R"({"id": "1", "born": "[erased]", "price": "[erased]"})"},
			{R"({"id": "1", "country": {"name": "Ann"}})", R"({"id": "1", "country": "[erased]"})"},
			{R"({"id": "1", "country": " {\"name\": \"Ann\"}"})",
			 R"({"id": "1", "country": "[erased]"})"},
			{R"({"id": "1", "country": "Ann who lives in Denmark"})",
			 R"({"id": "1", "country": "[erased]"})"},
			{R"({"id": "1", "address": "Road 1"})", R"({"id": "1", "address": "[erased]"})"},
			{R"({"id": "1", "address": [{"street": "Road 1"}]})",
			 R"({"id": "1", "address": "[erased]"})"},
			{R"({"id": "1", "address": {"street": {"a": 1}, "city": "C", "country": "DK"}})",
			 R"({"id": "1", "address": {"street": "[erased]", "city": null, "country": "DK"}})"},
			{R"({"id": "1", "info": {"name": "Ann", "Name": "Ann"}})",
			 R"({"id": "1", "info": {"name": "[erased]", "Name": "[erased]"}})"},
			{R"({"id": "1", "info": "Ann"})", R"({"id": "1", "info": "[erased]"})"},
			{R"({"id": "1", "items": {"sku": 1}})", R"({"id": "1", "items": {"sku": "[erased]"}})"},
			{R"({"id": "1", "items": [{"sku": 1, "gift_for": "Ann", "note": true}, "Ann"]})",
			 R"({"id": "1", "items": [{"sku": 1, "gift_for": "[erased]", "[erased]": "[erased]"}, "[erased]"]})"},
			{R"({"id": {"value": 1}})", R"({"id": "[erased]"})"},
			{R"(["1", "Ann"])", R"("[erased]")"},
			{R"("Ann")", R"("[erased]")"}})
		EXPECT_EQ(records.treated(record), expected);
}

TEST(RefusedRecord, replaces_names_that_may_be_data)
{
	Records records;
	EXPECT_EQ(
		records.treated(
			R"({"ann@example.com" : 1, "id": "1", "Ann \"A\": Smith":{"x": 2}, "COUNTRY": "D"})"),
		R"({"[erased]" : "[erased]", "id": "1", "[erased 2]":"[erased]", "COUNTRY": "[erased]"})");
	const RefusedRecord refused(records.definition, records.key_types, nullptr);
	EXPECT_EQ(refused.treat_pointer("/items/3/sku"), "/items/3/sku");
	EXPECT_EQ(refused.treat_pointer("/items/3/ann@example.com"), "/items/3/[erased]");
	EXPECT_EQ(refused.treat_pointer(""), "");
}

TEST(RefusedRecord, turns_the_identifiers_of_a_request_into_pseudonyms)
{
	const Definition definition = Definition::read(std::string(R"({"type": "object",
		"properties": {"customer-id": {"type": "string"}, "email": {"type": "string"}, "reason": {"maxLength": 3}},
		"x-etl": {"dataset": "requests", "files": ["r.json"], "key": "/customer-id",
			"erases": {"dataset": "people", "subject": "/customer-id", "email": "/email"}}})"));
	ColumnType bigint;
	ASSERT_TRUE(ColumnType::parse("bigint", bigint));
	const KeyTypes key_types{{"people", bigint}};
	const RefusedRecord refused(definition, key_types, nullptr);
	Document document;
	ParseError error;
	ASSERT_TRUE(
		document.parse(R"({"customer-id": "7", "email": ["a@b.c"], "reason": "I am Ann"})", error));
	EXPECT_TRUE(refused.is_refused(document));
	const std::string out = refused.treat(document, {std::string(32, 's'), {}});
	EXPECT_EQ(out.substr(0, 17), R"({"customer-id": ")");
	EXPECT_EQ(out.substr(17 + 64), R"(", "email": "[erased]", "reason": "[erased]"})");
	for (const char *record : {R"({"customer-id": "x"})", R"({"email": " "})", R"({})"})
	{
		ASSERT_TRUE(document.parse(record, error));
		EXPECT_TRUE(refused.is_refused(document)) << record;
	}
	for (const char *record : {R"({"customer-id": "7", "more": 1})", R"({"email": "a@b.c"})"})
	{
		ASSERT_TRUE(document.parse(record, error));
		EXPECT_FALSE(refused.is_refused(document)) << record;
	}
}

TEST(Anonymize, treats_whole_what_cannot_hold_the_field)
{
	Records records;
	for (const auto &[record, expected] :
		 std::initializer_list<std::pair<const char *, const char *>>{
			 {R"({"info": "Ann"})", R"({"info": "[erased]"})"},
			 {R"({"info": [{"name": "Ann"}]})", R"({"info": []})"},
			 {R"({"info": 5})", R"({"info": null})"},
			 {R"({"info": {"name": "Ann", "of": "b"}})",
			  R"({"info": {"name": "[erased]", "of": "b"}})"},
			 {R"({"address": "Road 1", "info": ""})", R"({"address": "[erased]", "info": ""})"},
			 {R"({"items": ["Ann", {"gift_for": "Ann"}, ["Ann"], null]})",
			  R"({"items": ["[erased]", {"gift_for": "[erased]"}, [], null]})"},
			 {R"({"items": "Ann", "address": false, "info": []})",
			  R"({"items": "[erased]", "address": false, "info": []})"}})
		EXPECT_EQ(records.anonymized(record), expected);
}
