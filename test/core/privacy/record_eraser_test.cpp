// Recognition of people in records that name them in the right member, and in records that do not,
// because the key is in a member with another name or type, inside an array or object, or null.
// Tests who is found and who is not.
#include "core/privacy/record_eraser.h"
#include "core/types/column_type.h"

#include <gtest/gtest.h>

using namespace etl;

namespace
{

constexpr const char *people_text = R"({
	"type": "object",
	"properties": {"id": {"type": "string"}, "name": {"type": "string"}},
	"required": ["id"],
	"x-etl": {
		"dataset": "customers", "files": ["customers.json"], "key": "/id",
		"tables": [{"schema": "data", "name": "customers", "primary_key": ["id"],
			"columns": [{"name": "id", "type": "KEYTYPE", "from": "/id"},
				{"name": "name", "from": "/name"}, {"name": "postcode", "from": "/postcode"},
				{"name": "score", "type": "int", "from": "/score"},
				{"name": "born", "type": "date", "from": "/born"},
				{"name": "email", "from": "/email"}]}],
		"subject": {"field": "/id", "email": "/email"},
		"personal": [{"field": "/name", "treatment": "redact"}, {"field": "/email", "treatment": "token"}]
	}
})";

constexpr const char *sales_text = R"json({
	"type": "object",
	"properties": {"sale": {"type": "string"}, "customer_id": {"type": ["integer", "null"]}, "price": {"type": "number"}},
	"required": ["sale"],
	"x-etl": {
		"dataset": "sales", "files": ["sales.json"], "key": "/sale",
		"tables": [{"schema": "data", "name": "sales", "primary_key": ["sale"],
			"columns": [{"name": "sale", "from": "/sale"}, {"name": "customer_id", "type": "bigint", "from": "/customer_id"},
				{"name": "price", "type": "numeric(10,2)", "from": "/price"}]},
			{"schema": "data", "name": "items", "each": "/items", "primary_key": ["sale", "line"],
			"columns": [{"name": "sale", "from": "/sale"}, {"name": "line", "type": "int", "from": "$line"},
				{"name": "sku", "from": "./sku"}]}],
		"references": [{"field": "/items/*/sku", "dataset": "products"}],
		"normalize": [{"field": "/price", "to": "number"}],
		"subject": {"field": "/customer_id", "dataset": "customers"},
		"personal": []
	}
})json";

ColumnType
type_of(const char *sql)
{
	ColumnType type;
	EXPECT_TRUE(ColumnType::parse(sql, type));
	return type;
}

/// A person with a key and a person with an email, and the records of a dataset.
struct People
{
	explicit People(const std::string &key, const char *type = "bigint",
					std::string text = people_text)
		: key_types{{"customers", type_of(type)}}, people(secret)
	{
		if (const size_t at = text.find("KEYTYPE"); at != std::string::npos)
			text.replace(at, 7, type);
		definition = Definition::read(text);
		people.add_subject(people.subject_hash(key), 1);
		people.add_text_email(people.email_hash("nicole@example.net"), 2);
	}
	uint32_t whose(std::string_view record)
	{
		RecordEraser eraser(definition, key_types, people, secret, dataset);
		std::string out;
		const uint32_t person = eraser.whose(record);
		EXPECT_EQ(eraser.erase(record, out), person) << record;
		// a record that was recognised by a word is replaced as a whole
		if (person == 1)
		{
			EXPECT_TRUE(out == erased_text || !eraser.subject_of(out).empty()) << record;
		}
		return person;
	}
	void expect_found(const std::string &record) { EXPECT_EQ(whose(record), 1u) << record; }
	void expect_nobody(const std::string &record)
	{
		EXPECT_EQ(whose(record), Identities::nobody) << record;
	}

	const std::string secret = std::string(32, 's'), dataset = "customers";
	Definition definition;
	KeyTypes key_types;
	Identities people;
};

} // namespace

TEST(RecordEraser, finds_a_key_that_stands_elsewhere)
{
	People people("55501");
	for (const char *record :
		 {R"({"ID": "55501", "name": "N"})", R"({"customer_id": "55501", "name": "N"})",
		  R"({"customer_id": 55501})", R"({"id": "55501.0", "name": "N"})",
		  R"({"id": 5.5501e4, "name": "N"})", R"({"id": "5.5501E+4", "name": "N"})",
		  R"({"id": ["55501"], "name": "N"})", R"({"id": {"value": 55501}, "name": "N"})",
		  R"({"id": null, "number": 55501})", R"({"id": null, "name": "55501"})",
		  R"({"id": null, "note": "customer 55501 rang"})", R"({"id": "customer 55501"})",
		  R"({"id": "0055501x", "of": "0055501"})", R"({"payload": {"customer": {"id": "55501"}}})",
		  R"({"payload": "{\"id\": \"55501\"}"})", R"({"payload": "{\"id\": 55501}"})",
		  R"({"payload": "\"{\\\"id\\\": \\\"5\\u0035501\\\"}\""})", R"({"55501": {"name": "N"}})",
		  R"([{"id": "55501"}])", R"(["55501", "N"])", R"("55501")", R"(55501)",
		  R"({"id": "٥٥٥٠١"})", R"({"id": "５５５０１"})", R"({"id": "५५५०१"})",
		  "{\"id\": \"55501\xc2\xa0\"}",
		  "{\"id\": \"\xe2\x80\x8b"
		  "55501\"}",
		  "{\"id\": \"55\xe2\x80\x8b"
		  "501\"}",
		  "{\"id\": \"\xe3\x80\x80"
		  "55501\"}",
		  R"({"id": "№55501"})", R"({"id": "“55501”"})", R"({"id": "customer%2055501"})",
		  // text that is not JSON
		  R"({"id": "55501", "name": "N)", R"({"id": 55501.0, "name": "N)", R"(id=55501;name=N)",
		  "{\"id\": \"\xd9\xa5\xd9\xa5\xd9\xa5\xd9\xa0\xd9\xa1\", ", R"({\"id\": \"55501\", )"})
		people.expect_found(record);
}

TEST(RecordEraser, takes_no_other_number_for_the_key)
{
	People people("55501");
	for (const char *record : {R"({"ID": "155501"})",
							   R"({"ID": 555010})",
							   R"({"ID": 55501.5})",
							   R"({"ID": "55501.5"})",
							   R"({"ID": -55501})",
							   R"({"ID": "-55501"})",
							   R"({"ID": "C55501"})",
							   R"({"ID": "55501a"})",
							   R"({"note": "call 1.55501 or 10.55501.2.3"})",
							   R"({"note": "call 12-55501-3"})",
							   R"({"note": "55501fe0-1111-4222-8333-444455556666"})",
							   R"({"ID": "5 5501"})",
							   R"({"ID": 5.5501e5})",
							   R"({"id": 1e999999999999})",
							   R"({"id": null, "name": "N"})",
							   R"({"id": "155501", "name)",
							   R"({"id": 55501.5, "name)",
							   R"({"id": -55501, "name)",
							   R"("[erased]")",
							   R"({"id": true})",
							   R"({"id": []})",
							   R"([])",
							   R"({})",
							   R"(null)"})
		people.expect_nobody(record);
}

TEST(RecordEraser, believes_a_record_that_names_somebody_else)
{
	People people("55501");
	for (const char *record :
		 {R"({"id": "55502", "name": "55501"})", R"({"id": "55502", "ID": "55501"})",
		  R"({"id": "055502", "score": 55501, "name": 7})",
		  R"({"id": 55502, "postcode": "55501"})"})
		people.expect_nobody(record);
	people.expect_found(R"({"id": "055501", "name": "N"})");
}

TEST(RecordEraser, believes_members_that_the_definition_knows)
{
	People people("55501");
	// the column says that this number is a score
	people.expect_nobody(R"({"name": "N", "score": 55501})");
	people.expect_nobody(R"({"name": "N", "score": "55501"})");
	// the same holds for a text, if the record has a key under another name
	people.expect_nobody(R"({"ID": "55502", "postcode": "55501"})");
	people.expect_nobody(R"({"id": "55502.0", "postcode": "55501"})");
	people.expect_found(R"({"name": "N", "postcode": "55501"})");
	People year("1980");
	year.expect_nobody(R"({"name": "N", "born": "1980-02-03"})");
	year.expect_nobody(R"({"name": "N", "note": "born 1980-02-03"})");
}

TEST(RecordEraser, looks_only_through_records_that_lack_a_name)
{
	People people("55501", "bigint", sales_text);
	// the definition allows records without a person
	people.expect_nobody(R"({"sale": "a", "order": 55501})");
	people.expect_nobody(R"({"sale": "a", "customer_id": null, "order": "55501"})");
	// the price is a number after normalization
	people.expect_nobody(R"({"sale": "a", "price": "10.00", "order": "55501"})");
	people.expect_found(R"({"sale": "a", "customer_id": 55501})");
	people.expect_found(R"({"sale": "a", "customer_id": "x", "order": 55501})");
	people.expect_found(R"({"customerId": 55501, "price": 1})");
	// neither a price nor the key of another dataset is a person
	people.expect_nobody(R"({"sale": 1, "price": 55501})");
	people.expect_nobody(R"({"sale": 1, "items": [{"sku": "55501"}, {"sku": 55501}]})");
	people.expect_nobody(R"({"sale": 55501})");
}

TEST(RecordEraser, takes_a_short_key_only_where_the_key_is_named)
{
	People people("7");
	for (const char *record :
		 {R"({"ID": "7"})", R"({"Id": 7})", R"({"customer_id": 7})", R"({"custId": "007"})",
		  R"({"id": ["7"]})", R"({"id": {"v": 7.0}})", R"({"id": "7.0"})", R"({"id": 7, "name)",
		  R"({"customer-id": "7", "x)"})
		people.expect_found(record);
	for (const char *record :
		 {R"({"number": 7})", R"({"id": null, "name": "7"})", R"({"id": "no 7 of 9"})",
		  R"({"id": {"v": 7, "w": 1}})", R"({"id": ["7", "8"]})", R"({"idle": 7})",
		  R"({"product_id": 7})", R"({"number": 7, "name)"})
		people.expect_nobody(record);
}

TEST(RecordEraser, takes_a_key_of_nobody_only_where_the_key_is_named)
{
	const auto whose = [](const char *key, const char *type, const std::string &record)
	{
		People people("never", "text");
		std::string text = people_text;
		text.replace(text.find("KEYTYPE"), 7, type);
		const Definition definition = Definition::read(text);
		const KeyTypes key_types{{"customers", type_of(type)}};
		Identities nobodies(people.secret);
		nobodies.add_unknown_subject(nobodies.subject_hash(key), 1);
		RecordEraser eraser(definition, key_types, nobodies, people.secret, people.dataset);
		std::string out;
		EXPECT_EQ(eraser.erase(record, out), eraser.whose(record)) << record;
		return eraser.whose(record);
	};
	for (const char *record :
		 {R"({"id": "open", "Name": "N"})", R"({"ID": "open"})", R"({"customer_id": ["open"]})",
		  R"({"id": {"v": "open"}})", R"({"id": "open", "name)"})
		EXPECT_EQ(whose("open", "text", record), 1u) << record;
	for (const char *record :
		 {R"({"state": "open"})", R"({"id": null, "note": "the open case"})", R"({"open": 1})",
		  R"({"id": ["the open case"]})", R"({"state": "open", "name)", R"(["open"])"})
		EXPECT_EQ(whose("open", "text", record), Identities::nobody) << record;
	EXPECT_EQ(whose("55501", "bigint", R"({"ID": "055501"})"), 1u);
	EXPECT_EQ(whose("55501", "bigint", R"({"number": 55501})"), Identities::nobody);
	// such keys do not occur by chance
	EXPECT_EQ(whose("123e4567-e89b-12d3-a456-426614174000", "uuid",
					R"({"note": "of 123e4567-e89b-12d3-a456-426614174000"})"),
			  1u);
	EXPECT_EQ(whose("ann@example.com", "text", R"({"contact": "ann@example.com"})"), 1u);
}

TEST(RecordEraser, reads_keys_of_other_types)
{
	People uuid("123e4567-e89b-12d3-a456-426614174000", "uuid");
	uuid.expect_found(R"({"ID": "123E4567-E89B-12D3-A456-426614174000"})");
	uuid.expect_found(R"({"ID": "{123e4567e89b12d3a456426614174000}"})");
	uuid.expect_found(R"({"note": "of 123E4567-e89b-12d3-a456-426614174000, gone"})");
	uuid.expect_nobody(R"({"ID": "223e4567-e89b-12d3-a456-426614174000"})");
	People text("ann-lee 7", "text");
	text.expect_found(R"({"ID": "ann-lee 7"})");
	text.expect_nobody(R"({"ID": "Ann-Lee 7"})");
	People word("a_1234", "text");
	word.expect_found(R"({"note": "that was a_1234."})");
	word.expect_nobody(R"({"note": "that was ba_1234 or a_12345"})");
	People money("55501.50", "numeric(12,2)");
	money.expect_found(R"({"ID": 55501.5})");
	money.expect_nobody(R"({"ID": 55501.504})");
}

TEST(RecordEraser, finds_an_email_in_records_that_lack_a_name)
{
	People people("1");
	for (const char *record : {R"({"id": null, "email": "Nicole@Example.NET"})",
							   R"({"id": null, "email": "mailto:nicole@example.net"})",
							   R"({"id": null, "email": "Nicole <nicole@example.net>"})",
							   R"({"id": null, "e": "mailto:nicole%40example.net"})",
							   R"({"id": null, "e": "nicole\u0040example.net"})",
							   R"({"id": null, "e": "{\"email\": \"nicole\\u0040example.net\"}"})",
							   R"({"id": null, "e": ["x", {"y": "nicole＠example.net"}]})",
							   "{\"id\": null, \"e\": \"\xc2\xa0nicole@example.net\xe2\x80\x8b\"}"})
		EXPECT_EQ(people.whose(record), 2u) << record;
	for (const char *record : {R"({"id": null, "email": "nicole@example.net.au"})",
							   R"({"id": null, "email": "a.nicole@example.net"})",
							   R"({"id": "9", "email": "nicole@example.net"})",
							   R"({"id": null, "e": "nicole at example.net"})"})
		people.expect_nobody(record);
}
