// Tests in addition to the official suite: messages and pointers, schemas that must be refused, and
// hostile input.
#include <fstream>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/schema/metaschema.h"
#include "core/schema/schema.h"

using namespace etl;
using nlohmann::json;

namespace
{

/// "keyword pointer schema_pointer | message", one line for each violation.
std::string
explain(const Schema &schema, const std::string &record)
{
	Document document;
	ParseError error;
	if (!document.parse(record, error))
		return "not JSON: " + error.message;
	Violations violations;
	const bool valid = schema.validate(document.root(), violations);
	EXPECT_EQ(schema.is_valid(document.root()), valid) << record;
	EXPECT_EQ(violations.empty(), valid) << record;
	std::string out;
	for (const auto &v : violations)
	{
		EXPECT_EQ(v.code, Code::schema);
		EXPECT_EQ(v.sqlstate, "23514");
		out.append(out.empty() ? "" : "\n").append(v.keyword).append(" ").append(v.pointer);
		out.append(" ").append(v.schema_pointer).append(" | ").append(v.message);
	}
	return out;
}

std::string
explain(const char *schema, const std::string &record, const SchemaOptions &options = {})
{
	return explain(Schema::compile(json::parse(schema), options), record);
}

/// "pointer | message" of the error, or "" if the schema compiles.
std::string
refused(const std::string &schema, const SchemaOptions &options = {})
{
	try
	{
		Schema::compile(json::parse(schema), options);
		return "";
	}
	catch (const SchemaError &e)
	{
		return e.pointer() + " | " + e.what();
	}
}

TEST(Schema, NamesThePlaceInRecordAndSchema)
{
	const char *schema = R"({"type": "object", "properties": {
		"email": {"type": "string"}, "age": {"type": ["integer", "null"], "minimum": 0},
		"tags": {"items": {"maxLength": 2}}}, "required": ["email"], "additionalProperties": false})";
	EXPECT_EQ(explain(schema, R"({"email": "a", "age": null, "tags": ["äö"]})"), "");
	EXPECT_EQ(explain(schema, R"({"email": null})"),
			  "type /email /properties/email/type | /email: expected string, got null");
	EXPECT_EQ(explain(schema, R"({"age": -1, "tags": ["a", "abc"]})"),
			  "minimum /age /properties/age/minimum | /age: expected at least 0\n"
			  "maxLength /tags/1 /properties/tags/items/maxLength | "
			  "/tags/1: expected at most 2 characters, got 3\n"
			  "required  /required | (root): missing property \"email\"");
	EXPECT_EQ(explain(schema, R"({"email": "a", "age": 1.5})"),
			  "type /age /properties/age/type | /age: expected integer or null, got number");
	EXPECT_EQ(explain(schema, "[]"), "type  /type | (root): expected object, got array");
}

TEST(Schema, MessagesHoldNothingOfTheRecord)
{
	EXPECT_EQ(explain(R"({"additionalProperties": false})", R"({"Ann Smith": 1})"),
			  "additionalProperties /Ann Smith /additionalProperties | "
			  "(root): a property that the schema does not allow");
	EXPECT_EQ(explain(R"({"additionalProperties": {"properties": {"a": {"type": "null"}}}})",
					  R"({"Ann/Smith": {"a": "secret"}})"),
			  "type /Ann~1Smith/a /additionalProperties/properties/a/type | "
			  "/*/a: expected null, got string");
	EXPECT_EQ(explain(R"({"patternProperties": {"^A": {"type": "null"}}})", R"({"Ann": 1})"),
			  "type /Ann /patternProperties/^A/type | /*: expected null, got number");
	EXPECT_EQ(explain(R"({"propertyNames": {"maxLength": 2}})", R"({"Ann": 1})"),
			  "propertyNames /Ann /propertyNames | "
			  "(root): a property's name is not what propertyNames asks for");

	const char *all = R"({"enum": [1], "const": 2, "type": "boolean", "pattern": "^x$",
		"maxLength": 1, "not": {"type": "string"}, "anyOf": [{"type": "null"}],
		"oneOf": [{"maxLength": 0}, false], "format": "date"})";
	SchemaOptions options;
	options.assert_format = true;
	const std::string text = explain(all, "\"secret\"", options);
	EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8) << text;
	EXPECT_EQ(text.find("secret"), std::string::npos) << text;
}

TEST(Schema, FollowsReferencesInTheSchemaPointer)
{
	EXPECT_EQ(
		explain(R"({"definitions": {"node": {"properties": {"next": {"$ref": "#/definitions/node"},
		"v": {"type": "integer"}}}}, "$ref": "#/definitions/node"})",
				R"({"next": {"next": {"v": "x"}}})"),
		"type /next/next/v /$ref/properties/next/$ref/properties/next/$ref/properties/v/type | "
		"/next/next/v: expected integer, got string");
	EXPECT_EQ(explain(R"({"allOf": [true, {"if": {"type": "string"}, "then": {"minLength": 3},
		"else": false}]})",
					  "1"),
			  "else  /allOf/1/else | (root): no value is allowed here");
}

TEST(Schema, Counts)
{
	EXPECT_EQ(explain(R"({"oneOf": [{"type": "number"}, {"minimum": 1}, false]})", "1"),
			  "oneOf  /oneOf | (root): matches 2 of the 3 schemas of oneOf, expected exactly one");
	EXPECT_EQ(explain(R"({"anyOf": [{"type": "null"}, false]})", "1"),
			  "anyOf  /anyOf | (root): matches none of the 2 schemas of anyOf");
	EXPECT_EQ(explain(R"({"uniqueItems": true})", R"([1, {"a":1,"b":[2]}, {"b":[2.0],"a":1}])"),
			  "uniqueItems  /uniqueItems | (root): elements 1 and 2 are equal");
	EXPECT_EQ(explain(R"({"enum": ["a", null, 3]})", "4"),
			  "enum  /enum | (root): expected one of \"a\", null, 3");
	EXPECT_EQ(explain(R"({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}})",
					  R"({"a": 1, "c": 2})"),
			  "dependencies  /dependencies/a | "
			  "(root): missing property \"b\", needed because of \"a\"\n"
			  "required  /dependencies/c/required | (root): missing property \"d\"");
	EXPECT_EQ(
		explain(R"({"items": [true, {"type": "null"}], "additionalItems": false})", "[1,2,3]"),
		"type /1 /items/1/type | /1: expected null, got number\n"
		"additionalItems /2 /additionalItems | /2: no value is allowed here");

	std::string numbers = "[0";
	for (int i = 1; i < 500; ++i)
		numbers += ", " + std::to_string(i);
	const Schema strings = Schema::compile(json::parse(R"({"items": {"type": "string"}})"));
	const std::string all = explain(strings, numbers + "]");
	EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 99); // the maximum is a hundred violations
}

TEST(Schema, RefusesUnknownKeywords)
{
	EXPECT_EQ(refused(R"({"properties": {"a/b": {"minimun": 1}}})").substr(0, 42),
			  "/properties/a~1b/minimun | unknown keyword");
	EXPECT_NE(refused(R"({"definitions": {"never used": {"typ": "string"}}})"), "");
	EXPECT_NE(refused(R"({"$defs": {}})").find("definitions"), std::string::npos);
	EXPECT_EQ(refused(R"({"x-etl": {"anything": 1}, "$comment": "", "default": 1, "examples": [],
		"title": "", "description": "", "readOnly": true, "writeOnly": false, "format": "whatever",
		"contentEncoding": "base64", "contentMediaType": "text/plain",
		"$schema": "http://json-schema.org/draft-07/schema#"})"),
			  "");
	SchemaOptions ignore;
	ignore.ignore_unknown = true;
	EXPECT_EQ(refused(R"({"minimun": 1})", ignore), "");
}

TEST(Schema, RefusesMalformedKeywords)
{
	const std::pair<const char *, const char *> bad[] = {
		{R"({"type": "strin"})", "/type"},
		{R"({"type": []})", "/type"},
		{R"({"type": ["null", "null"]})", "/type"},
		{R"({"type": 1})", "/type"},
		{R"({"minLength": -1})", "/minLength"},
		{R"({"maxItems": 1.5})", "/maxItems"},
		{R"({"maxProperties": "1"})", "/maxProperties"},
		{R"({"multipleOf": 0})", "/multipleOf"},
		{R"({"maximum": "1"})", "/maximum"},
		{R"({"exclusiveMaximum": true})", "/exclusiveMaximum"},
		{R"({"pattern": "("})", "/pattern"},
		{R"({"pattern": "\\Z"})", "/pattern"},
		{R"({"patternProperties": {"[": true}})", "/patternProperties/["},
		{R"({"properties": []})", "/properties"},
		{R"({"properties": {"a": 1}})", "/properties/a"},
		{R"({"required": "a"})", "/required"},
		{R"({"required": ["a", "a"]})", "/required"},
		{R"({"required": [1]})", "/required"},
		{R"({"dependencies": {"a": [1]}})", "/dependencies/a"},
		{R"({"dependencies": {"a": 1}})", "/dependencies/a"},
		{R"({"items": []})", "/items"},
		{R"({"items": [1]})", "/items/0"},
		{R"({"allOf": []})", "/allOf"},
		{R"({"anyOf": {}})", "/anyOf"},
		{R"({"oneOf": [null]})", "/oneOf/0"},
		{R"({"enum": 1})", "/enum"},
		{R"({"uniqueItems": 1})", "/uniqueItems"},
		{R"({"then": 1})", "/then"},
		{R"({"definitions": {"a": 1}})", "/definitions/a"},
		{R"({"$id": 1})", "/$id"},
		{R"({"$ref": 1})", "/$ref"},
		{R"({"$ref": "#/definitions/none"})", "/$ref"},
		{R"({"$ref": "#none"})", "/$ref"},
		{R"({"$ref": "http://example.com/none.json"})", "/$ref"},
		{R"({"enum": [1], "items": {"$ref": "#/enum/0"}})", "/items/$ref"},
		{R"({"$schema": "https://json-schema.org/draft/2020-12/schema"})", "/$schema"},
		{R"({"title": 1})", "/title"},
		{R"({"items": {"$id": "http://a/b"}, "not": {"$id": "http://a/b"}})", "/not/$id"},
	};
	for (const auto &[schema, pointer] : bad)
	{
		const std::string error = refused(schema);
		EXPECT_EQ(error.substr(0, error.find(" | ")), pointer) << schema << ": " << error;
	}
	EXPECT_NE(refused("[]"), "");
	SchemaOptions assert_format;
	assert_format.assert_format = true;
	EXPECT_EQ(refused(R"({"format": "emial"})", assert_format).substr(0, 7), "/format");
}

TEST(Schema, RefusesReferencesThatNeverEnd)
{
	EXPECT_NE(refused(R"({"$ref": "#"})"), "");
	EXPECT_NE(refused(R"({"allOf": [{"anyOf": [{"$ref": "#"}]}]})"), "");
	EXPECT_NE(refused(R"({"dependencies": {"a": {"$ref": "#"}}})"), "");
	EXPECT_NE(refused(R"({"definitions": {"a": {"$ref": "#/definitions/b"},
		"b": {"not": {"$ref": "#/definitions/a"}}}})"),
			  "");
	EXPECT_EQ(refused(R"({"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}})"), "");
	std::string deep = "true";
	for (int i = 0; i < 400; ++i)
		deep = R"({"not":)" + deep + "}";
	EXPECT_NE(refused(deep), "");
}

TEST(Schema, ResolvesIdentifiers)
{
	const char *schema = R"({"$id": "http://example.com/a/root.json", "properties": {
		"by_id": {"$ref": "other.json"}, "by_name": {"$ref": "#name"},
		"dots": {"$ref": "../a/./other.json#/definitions/inner"}, "all": {"$ref": "root.json"}},
		"definitions": {"x": {"$id": "other.json", "type": "null",
		"definitions": {"inner": {"type": "boolean"}}}, "y": {"$id": "#name", "type": "string"}},
		"additionalProperties": false})";
	EXPECT_EQ(
		explain(schema, R"({"by_id": null, "by_name": "", "dots": true, "all": {"by_id": null}})"),
		"");
	EXPECT_EQ(explain(schema, R"({"by_id": 1})"),
			  "type /by_id /properties/by_id/$ref/type | /by_id: expected null, got number");
	EXPECT_NE(explain(schema, R"({"by_name": 1})"), "");
	EXPECT_NE(explain(schema, R"({"dots": 1})"), "");
	EXPECT_NE(explain(schema, R"({"all": {"other": 1}})"), "");
}

TEST(Schema, MetaschemaIsValidAndJudges)
{
	const Schema meta = Schema::compile(draft07_metaschema());
	EXPECT_EQ(explain(meta, draft07_metaschema().dump()), "");
	EXPECT_NE(explain(meta, R"({"items": {"minLength": -1}})"), "");
}

json
read_file(const std::string &path)
{
	std::ifstream in(path);
	EXPECT_TRUE(in.good()) << path;
	return json::parse(in);
}

/// schemas/meta/definition.json, the schema for editors, which refers to its parts by file names.
TEST(Schema, SchemaForEditorsJudgesDefinitions)
{
	const std::string meta = "schemas/meta/";
	json whole = read_file(meta + "definition.json");
	whole["$id"] = "file:///definition.json";
	const std::map<std::string, json> parts = {
		{"file:///draft-07.json", read_file(meta + "draft-07.json")},
		{"file:///x-etl.json", read_file(meta + "x-etl.json")}};
	const Schema schema = Schema::compile(whole, {false, false, &parts});
	for (const char *name : {"customers", "erasure_requests", "products", "transactions"})
		EXPECT_EQ(explain(schema, read_file("schemas/" + std::string(name) + ".json").dump()), "")
			<< name;
	EXPECT_NE(explain(schema, R"({"type": "object"})"), "");
	EXPECT_NE(explain(schema, R"({"x-etl": {"dataset": "a"}})"), "");
	EXPECT_NE(
		explain(schema, R"({"minLength": -1, "x-etl": {"dataset": "a", "files": ["a.json"]}})"),
		"");
}

TEST(Schema, NumbersAreExact)
{
	const std::string forty = "1234567890123456789012345678901234567890";
	EXPECT_EQ(explain(R"({"type": "integer", "minimum": 9223372036854775807})", forty), "");
	EXPECT_NE(explain(R"({"maximum": 18446744073709551615})", forty), "");
	EXPECT_NE(explain(R"({"maximum": 18446744073709551615})", "18446744073709551615.0000000001"),
			  "");
	EXPECT_EQ(explain(R"({"maximum": 18446744073709551615})", "18446744073709551615.0"), "");
	EXPECT_EQ(explain(R"({"multipleOf": 0.01})", "0.29"), "");
	EXPECT_EQ(explain(R"({"multipleOf": 0.01})", forty + ".07"), "");
	EXPECT_NE(explain(R"({"multipleOf": 0.01})", forty + ".075"), "");
	EXPECT_EQ(explain(R"({"type": "integer"})", "1e400"), "");
	EXPECT_NE(explain(R"({"type": "integer"})", "1e-1"), "");
	EXPECT_NE(explain(R"({"exclusiveMinimum": 0})", "-0.0"), "");
	EXPECT_EQ(explain(R"({"exclusiveMinimum": 0})", "1e-999999999"), "");
	EXPECT_NE(explain(R"({"uniqueItems": true})", "[100, 1,2,3,4,5,6,7,8, 1e2]"), "");
	EXPECT_EQ(explain(R"({"const": 100})", "1.00e2"), "");
	EXPECT_NE(explain(R"({"const": true})", "1"), "");
}

TEST(Schema, LargeEnums)
{
	json values = json::array();
	for (int i = 0; i < 20000; ++i)
	{
		values.push_back("name " + std::to_string(i));
		values.push_back(i * 3);
	}
	values.push_back(json::parse(R"({"a": [1, 2.5]})"));
	const Schema schema = Schema::compile({{"enum", values}});
	for (const char *valid : {"\"name 19999\"", "59997", "59997.0", "3e0", R"({"a":[1.0,25e-1]})"})
		EXPECT_EQ(explain(schema, valid), "") << valid;
	for (const char *invalid : {"\"name 20000\"", "59998", "3.5", "null", R"({"a":[2.5,1]})"})
		EXPECT_EQ(explain(schema, invalid).substr(0, 4), "enum") << invalid;
}

TEST(Schema, ManyProperties)
{
	json properties = json::object(), required = json::array();
	std::string record = "{";
	for (int i = 0; i < 1000; ++i)
	{
		const std::string name = "property " + std::to_string(i);
		properties[name] = {{"type", "integer"}};
		required.push_back(name);
		if (i != 777)
			record += "\"" + name + "\":1,";
	}
	const Schema schema = Schema::compile(
		{{"properties", properties}, {"required", required}, {"additionalProperties", false}});
	EXPECT_EQ(explain(schema, record + "\"property 777\": 0}"), "");
	EXPECT_EQ(explain(schema, record + "\"property 1000\": 0}"),
			  "additionalProperties /property 1000 /additionalProperties | "
			  "(root): a property that the schema does not allow\n"
			  "required  /required | (root): missing property \"property 777\"");
}

TEST(Schema, DeepRecords)
{
	const auto nested = [](int depth, const std::string &inner)
	{
		std::string text = inner;
		for (int i = 0; i < depth; ++i)
			text = "[" + text + "]";
		return text;
	};
	const char *schema = R"({"type": ["array", "null"], "items": {"$ref": "#"}})";
	EXPECT_EQ(explain(schema, nested(990, "null")), "");
	EXPECT_NE(explain(schema, nested(990, "1")), "");
	// Three levels of schema for each level of the record, which is more than is allowed on the
	// stack.
	EXPECT_NE(explain(R"({"allOf": [{"allOf": [{"items": {"$ref": "#"}}]}]})", nested(990, "1"))
				  .find("too deep"),
			  std::string::npos);
	// Each level doubles the work. Validation gives up, and "not" must not turn this into "valid".
	const std::string doubling =
		R"({"definitions": {"a": {"anyOf": [{"items": {"$ref": "#/definitions/a"}, "minItems": 1},
		{"items": {"$ref": "#/definitions/a"}, "minItems": 1}]}}, "not": {"$ref": "#/definitions/a"}})";
	EXPECT_NE(explain(doubling.c_str(), nested(100, "[]")).find("too much work"),
			  std::string::npos);
}

TEST(Schema, CatastrophicPatternsEnd)
{
	const std::string text = "\"" + std::string(5000, 'a') + "!\"";
	const std::string said = explain(R"({"pattern": "^(a+)+$"})", text);
	EXPECT_NE(said.find("takes too many steps to match"), std::string::npos) << said;
	EXPECT_NE(explain(R"({"not": {"pattern": "^(a+)+$"}})", text), "");
	EXPECT_NE(explain(R"({"anyOf": [{"pattern": "^(a|aa)+$"}, false]})", text), "");
	EXPECT_EQ(explain(R"({"pattern": "^(a+)+!$"})", text), "");
	// A long text is searched in parts. A match across the border of two parts must be found.
	const std::string mark(3000, 'b');
	for (size_t before : {299'000u, 4095u * 80, 4096u * 80})
		EXPECT_EQ(
			explain(R"({"pattern": "ab{3000}$"})", "\"" + std::string(before, 'a') + mark + "\""),
			"");
}

TEST(Schema, PatternsAreThoseOfEcma262)
{
	const auto matches = [](const std::string &pattern, const std::string &text)
	{
		const Schema schema = Schema::compile({{"pattern", pattern}});
		return explain(schema, json(text).dump()).empty();
	};
	EXPECT_FALSE(matches("^a$", "a\n")); // "$" matches only at the very end
	EXPECT_FALSE(matches("^\\d$", "٣"));
	EXPECT_FALSE(matches("^\\w$", "é"));
	EXPECT_TRUE(matches("^\\W$", "é"));
	EXPECT_TRUE(matches("^[\\W]$", "é"));
	EXPECT_TRUE(matches("^\\s\\s\\s$", "\u00a0\ufeff\u2029"));
	EXPECT_FALSE(matches("\\S", " \v\u3000"));
	EXPECT_TRUE(matches("^[\\S]$", "x"));
	EXPECT_FALSE(matches("^[^\\S]$", "x"));
	EXPECT_TRUE(matches("^.$", "💩"));
	EXPECT_FALSE(matches("^.$", "\u2028"));
	EXPECT_TRUE(matches("^.$", "\u0085"));
	EXPECT_TRUE(matches("^[^]$", "\n"));
	EXPECT_FALSE(matches("[]", "x"));
	EXPECT_TRUE(matches("^\\cA\\x41\\u0042\\uD83D\\uDCA9\\u{1f4a9}$", "\x01"
																	  "AB💩💩"));
	EXPECT_TRUE(matches("^[\\u{1f4a8}-\\uD83D\\uDCAA]$", "💩"));
	EXPECT_TRUE(matches("^\\p{Letter}+\\p{Script=Greek}\\P{Lu}$", "éαx"));
	EXPECT_TRUE(matches("^\\v\\0$", std::string("\v\0", 2)));
	EXPECT_TRUE(matches("^(?<year>\\d{4})-\\k<year>-\\1$", "2026-2026-2026"));
	EXPECT_TRUE(matches("^\\-\\@\\/{,2}]$", "-@/{,2}]"));
	EXPECT_TRUE(matches("^[[:alpha:]]$", "a]"));
	EXPECT_TRUE(matches("^[\\w-.]$", "-"));
	EXPECT_TRUE(matches("^(\\2b)(a)?$", "b"));
	for (const char *bad :
		 {"a++",    "*a",      "(?i)a",  "(?>a)",   "\\A",           "\\Qa",  "(*UTF)a", "[b-a]",
		  "\\2(a)", "a**",     "\\u12",  "\\uD83D", "\\p{Nonsense}", "\\",    "[a",      "(?P<x>a)",
		  "\\c1",   "a{2}{3}", "\\k<x>", "(?#a)",   "\\07",          "a{3,2}"})
		EXPECT_NE(refused(json{{"pattern", bad}}.dump()), "") << bad;
}

TEST(Schema, FormatsAreAnnotationsUnlessAsserted)
{
	SchemaOptions options;
	const auto valid = [&](const std::string &format, const std::string &text)
	{
		const Schema schema = Schema::compile({{"format", format}}, options);
		return explain(schema, json(text).dump()).empty();
	};
	EXPECT_TRUE(valid("date", "no date"));
	options.assert_format = true;
	EXPECT_FALSE(valid("date", "no date"));
	EXPECT_TRUE(valid("date", "2024-02-29"));
	EXPECT_FALSE(valid("date", "2100-02-29"));
	EXPECT_TRUE(valid("date-time", "1998-12-31T15:59:60.5-08:00"));
	EXPECT_FALSE(valid("date-time", "1998-12-31T15:59:60.5Z"));
	EXPECT_FALSE(valid("date-time", "1998-12-31 15:59:00Z"));
	EXPECT_FALSE(valid("time", "12:00:00"));
	EXPECT_TRUE(valid("email", "\"a b\\\"c\"@[IPv6:::1]"));
	EXPECT_TRUE(valid("email", "o'neil+x@example.com"));
	for (const char *bad :
		 {"a@", "@b.c", "a..b@c.d", ".a@c.d", "a@b@c", "a b@c.d", "a@-b.c", "é@b.c"})
		EXPECT_FALSE(valid("email", bad)) << bad;
	EXPECT_TRUE(valid("idn-email", "é@bücher.example"));
	EXPECT_FALSE(valid("ipv4", "010.0.0.1"));
	for (const char *good : {"::", "1::", "::1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4"})
		EXPECT_TRUE(valid("ipv6", good)) << good;
	for (const char *bad : {"", ":", ":::", "1:2:3:4:5:6:7", "1::2::3", "1:2:3:4:5:6:7::8",
							"fe80::1%eth0", "1:", ":1", "::1.2.3"})
		EXPECT_FALSE(valid("ipv6", bad)) << bad;
	EXPECT_FALSE(valid("hostname", "a..b"));
	EXPECT_FALSE(valid("hostname", "xn--x"));
	// RFC 5892 and 5893: characters that are not allowed, or only beside certain characters, or
	// only in certain names
	for (const char *good :
		 {"a", "A.example", "ab--cd", "1.2", "bücher.example", "xn--bcher-kva.example",
		  "XN--BCHER-KVA", "실례.테스트", "실례。테스트", "l·l", "͵β", "א׳ב", "の・", "क्\u200dष",
		  "بي\u200cبي", "א.a", "א1.xn--4ca", "straße"})
		EXPECT_TRUE(valid("idn-hostname", good)) << good;
	for (const char *bad :
		 {"a..b",  "-a",      "a-",      "a_b",      "xn--x", "xn--a", "xn--aa---o47jg78q",
		  "☃.net", "xn--n3h", "〮a",     "실〮례",   "a·l",   "βʹ͵",   "A׳ב",
		  "・",    "٠۰",      "\u200dष", "a\u200cb", "äא",    "0א",    "א.1",
		  "א.1ä",  "ﬀ",       "e\u0301"})
		EXPECT_FALSE(valid("idn-hostname", bad)) << bad;
	EXPECT_TRUE(valid("idn-hostname", std::string(63, 'a') + ".b"));
	EXPECT_FALSE(valid("idn-hostname", std::string(64, 'a')));
	EXPECT_FALSE(valid("idn-hostname", std::string("a\0b", 3)));
	std::string long_name;
	for (int i = 0; i < 84; ++i)
		long_name += "ab.";
	EXPECT_TRUE(valid("idn-hostname", long_name + "c"));
	EXPECT_FALSE(valid("idn-hostname", long_name + "cd"));
	EXPECT_FALSE(valid("hostname", "bücher.example"));
	EXPECT_TRUE(valid("hostname", "xn--bcher-kva.example"));
	EXPECT_FALSE(valid("uri", "http://a/%2"));
	EXPECT_FALSE(valid("uri-reference", "1a:b"));
	EXPECT_FALSE(valid("uri", "http://bücher.example/"));
	EXPECT_FALSE(valid("uri-template", "{a:0}"));
	EXPECT_FALSE(valid("relative-json-pointer", "01"));
	EXPECT_FALSE(valid("regex", "a++"));
}

TEST(Violations, AsJson)
{
	std::string out;
	append_violations_json(out, {});
	EXPECT_EQ(out, "[]");
	out.clear();
	append_violations_json(
		out, {{Code::schema, "type", "/a\"b", "/properties/a\"b/type", "23514", "m"},
			  {Code::reference, "references", "/c", "", "23503", "n", "customers", "7"}});
	EXPECT_EQ(json::parse(out), json::parse(R"([
		{"code": "schema", "keyword": "type", "pointer": "/a\"b",
		 "schema_pointer": "/properties/a\"b/type", "sqlstate": "23514", "message": "m"},
		{"code": "reference", "keyword": "references", "pointer": "/c", "schema_pointer": "",
		 "sqlstate": "23503", "message": "n", "dataset": "customers", "key": "7"}])"));
	const char *names[] = {"malformed", "schema", "type",      "duplicate",
						   "reference", "check",  "constraint"};
	for (int i = 0; i < 7; ++i)
		EXPECT_STREQ(code_name(static_cast<Code>(i)), names[i]);
}

} // namespace
