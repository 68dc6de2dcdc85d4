// Reading of definitions. Every mistake must be an error with its pointer.
#include "core/definition/definition.h"

#include <fstream>
#include <functional>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace etl;
using nlohmann::json;

namespace
{

std::string
file(const std::string &path)
{
	std::ifstream in(path);
	EXPECT_TRUE(in.good()) << path;
	std::stringstream text;
	text << in.rdbuf();
	return text.str();
}

/// A small definition that uses all features.
json
sales()
{
	return json::parse(R"json({
	  "type": "object",
	  "required": ["id", "buyer"],
	  "properties": {"id": {"type": "integer"}, "buyer": {"type": "string"}},
	  "x-etl": {
	    "dataset": "sales", "files": ["sales.json", "old sales.jsonl"], "key": "/id",
	    "on_repeat": "update", "schedule": "*/5 * * * *",
	    "tables": [
	      {"name": "sales", "primary_key": ["id"], "columns": [
	        {"name": "id", "type": "bigint", "from": "/id"},
	        {"name": "buyer", "type": "int8", "from": "/buyer"},
	        {"name": "city", "type": "varchar(60)", "from": "/address/city", "not_null": true},
	        {"name": "changed", "type": "timestamptz", "from": "/changed"},
	        {"name": "day", "type": "date", "from": "$record_date"},
	        {"name": "hour", "type": "smallint", "from": "$record_hour"},
	        {"name": "loaded", "type": "timestamptz", "from": "$run_time"}]
},
	      {"schema": "lines", "name": "sale_lines", "each": "/lines", "primary_key": ["sale", "n"],
	       "columns": [
	        {"name": "sale", "type": "bigint", "from": "/id"},
	        {"name": "n", "type": "int", "from": "$line"},
	        {"name": "note", "from": "./note"}]}],
	    "references": [{"field": "/buyer", "dataset": "people"}],
	    "checks": [{"name": "total", "sum_over": "/lines/*", "sum_of": ["/price"], "equals": "/total"}],
	    "normalize": [{"field": "/price", "to": "number"}, {"field": "/changed", "to": "run_time"}],
	    "subject": {"dataset": "people", "field": "/buyer"},
	    "personal": [{"field": "/address/city", "treatment": "redact", "value": "gone"},
	                 {"field": "/lines/*/note", "treatment": "null"}]
}
})json");
}

/// Applies a change to the definition and returns "pointer: message" of the error, or "read" if
/// there is none.
std::string
error_after(const std::function<void(json &)> &change)
{
	json definition = sales();
	change(definition);
	try
	{
		Definition::read(definition);
		return "read";
	}
	catch (const DefinitionError &e)
	{
		EXPECT_STRNE(e.what(), "");
		return e.pointer();
	}
}

} // namespace

TEST(Definition, ReadsEveryPart)
{
	const Definition d = Definition::read(sales());
	EXPECT_EQ(d.dataset, "sales");
	EXPECT_EQ(d.key, Path{"id"});
	EXPECT_EQ(d.key_index, 0);
	EXPECT_EQ(d.on_repeat, OnRepeat::update);
	EXPECT_EQ(d.schedule, "*/5 * * * *");
	ASSERT_EQ(d.tables.size(), 2u);
	EXPECT_EQ(d.tables[0].schema, "data");
	EXPECT_EQ(d.tables[1].schema, "lines");
	EXPECT_EQ(d.tables[0].columns[1].type.sql, "bigint");
	EXPECT_TRUE(d.tables[0].columns[2].not_null);
	EXPECT_EQ(d.tables[0].columns[2].path, (Path{"address", "city"}));
	EXPECT_EQ(d.tables[0].columns[4].source, Source::record_date);
	EXPECT_TRUE(d.tables[1].is_child);
	EXPECT_EQ(d.tables[1].each, Path{"lines"});
	EXPECT_EQ(d.tables[1].columns[1].source, Source::line);
	EXPECT_EQ(d.tables[1].columns[2].source, Source::element);
	EXPECT_EQ(d.checks[0].sum_over, (Path{"lines", "*"}));
	EXPECT_EQ(d.personal[0].value, "gone");
	EXPECT_EQ(d.subject->dataset, "people");
	EXPECT_TRUE(d.schema != nullptr);
}

TEST(Definition, ReadsTheStandardDatasets)
{
	for (const char *name : {"products", "customers", "transactions", "erasure_requests"})
	{
		SCOPED_TRACE(name);
		EXPECT_EQ(Definition::read(file(std::string("schemas/") + name + ".json")).dataset, name);
	}
}

TEST(Definition, ClaimsItsFilesWithAndWithoutGzip)
{
	const Definition d = Definition::read(sales());
	for (const char *name : {"sales.json", "sales.json.gz", "old sales.jsonl"})
		EXPECT_TRUE(d.claims(name)) << name;
	for (const char *name :
		 {"sales_2.json", "sales.json.gz.gz", "sales.json.zip", "Sales.json", "", "sales"})
		EXPECT_FALSE(d.claims(name)) << name;
}

TEST(Definition, NamesThePlaceOfAMistake)
{
	const auto x = [](json &d) -> json & { return d["x-etl"]; };
	const std::vector<std::pair<std::string, std::function<void(json &)>>> mistakes = {
		{"", [](json &d) { d = 1; }},
		{"", [](json &d) { d.erase("x-etl"); }},
		{"/x-etl", [](json &d) { d["x-etl"] = 3; }},
		{"/properties/id/typ", [](json &d) { d["properties"]["id"]["typ"] = "integer"; }},
		{"/x-etl/tabels", [&](json &d) { x(d)["tabels"] = json::array(); }},
		{"/x-etl/dataset", [&](json &d) { x(d)["dataset"] = "Robert'); DROP TABLE"; }},
		{"/x-etl/dataset", [&](json &d) { x(d)["dataset"] = "../etc"; }},
		{"/x-etl/files", [&](json &d) { x(d)["files"] = json::array(); }},
		{"/x-etl/files/0", [&](json &d) { x(d)["files"][0] = "../sales.json"; }},
		{"/x-etl/files/0", [&](json &d) { x(d)["files"][0] = "sales.json.gz"; }},
		{"/x-etl/key", [&](json &d) { x(d)["key"] = "id"; }},
		{"/x-etl/key", [&](json &d) { x(d)["key"] = "/lines/*/id"; }},
		{"/x-etl/key", [&](json &d) { x(d)["key"] = "/other"; }},
		{"/x-etl/on_repeat", [&](json &d) { x(d)["on_repeat"] = "upsert"; }},
		{"/x-etl/on_repeat", [&](json &d) { x(d).erase("key"); }},
		{"/x-etl/schedule", [&](json &d) { x(d)["schedule"] = "hourly"; }},
		{"/x-etl/tables/0/each", [&](json &d) { x(d)["tables"][0]["each"] = "/a"; }},
		{"/x-etl/tables/1", [&](json &d) { x(d)["tables"][1].erase("each"); }},
		{"/x-etl/tables/0/columns/0/type",
		 [&](json &d) { x(d)["tables"][0]["columns"][0]["type"] = "money"; }},
		{"/x-etl/tables/0/columns/0/from",
		 [&](json &d) { x(d)["tables"][0]["columns"][0]["from"] = "$now"; }},
		{"/x-etl/tables/0/columns/1/name",
		 [&](json &d) { x(d)["tables"][0]["columns"][1]["name"] = "id"; }},
		{"/x-etl/tables/0/columns/1/from",
		 [&](json &d) { x(d)["tables"][0]["columns"][1]["from"] = "./id"; }},
		{"/x-etl/tables/0/columns/4/type",
		 [&](json &d) { x(d)["tables"][0]["columns"][4]["type"] = "text"; }},
		{"/x-etl/tables/0/primary_key/0",
		 [&](json &d) { x(d)["tables"][0]["primary_key"][0] = "ID"; }},
		{"/x-etl/tables/1/columns",
		 [&](json &d) { x(d)["tables"][1]["columns"][0]["from"] = "/buyer"; }},
		{"/x-etl/checks/0/equals",
		 [&](json &d) { x(d)["checks"][0]["equals"] = "/lines/*/total"; }},
		{"/x-etl/checks/0/sum_of/0", [&](json &d) { x(d)["checks"][0]["sum_of"][0] = "/a/*"; }},
		{"/x-etl/normalize/1/to",
		 [&](json &d) { x(d)["tables"][0]["columns"][3]["type"] = "date"; }},
		{"/x-etl/normalise/1/field",
		 [&](json &d)
		 {
			 x(d)["normalise"] = x(d)["normalize"];
			 x(d).erase("normalize");
			 x(d)["normalise"][1]["field"] = "/id";
		 }},
		{"/x-etl/normalise", [&](json &d) { x(d)["normalise"] = x(d)["normalize"]; }},
		{"/x-etl/normalize/1/field", [&](json &d) { x(d)["normalize"][1]["field"] = "/id"; }},
		{"/x-etl/subject/field", [&](json &d) { x(d)["subject"]["field"] = "/nobody"; }},
		{"/x-etl/subject/email", [&](json &d) { x(d)["subject"]["email"] = "/email"; }},
		{"/x-etl/personal/0/field", [&](json &d) { x(d)["personal"][0]["field"] = "/buyer"; }},
		{"/x-etl/personal/0/treatment",
		 [&](json &d) { x(d)["personal"][0]["treatment"] = "shred"; }},
		{"/x-etl/personal/0/value", [&](json &d) { x(d)["personal"][0]["treatment"] = "null"; }},
		{"/x-etl/personal/0/treatment",
		 [&](json &d)
		 {
			 x(d)["personal"][0]["treatment"] = "null";
			 x(d)["personal"][0].erase("value");
		 }},
		{"/x-etl/personal/0/to", [&](json &d) { x(d)["personal"][0]["to"] = "year"; }},
		{"/x-etl/subject/on_erasure", [&](json &d) { x(d)["subject"]["on_erasure"] = "forget"; }},
		{"/x-etl/personal/0/treatment",
		 [&](json &d) {
			 x(d)["personal"][0] = {{"field", "/changed"}, {"treatment", "redact"}};
		 }},
		{"/x-etl/erases",
		 [&](json &d) {
			 x(d)["erases"] = {{"dataset", "people"}};
		 }},
	};
	for (const auto &[place, change] : mistakes)
		EXPECT_EQ(error_after(change), place);
	EXPECT_EQ(error_after([](json &) {}), "read");
}

TEST(Definition, TextThatIsNoJson)
{
	EXPECT_THROW(Definition::read(std::string("{")), DefinitionError);
	EXPECT_THROW(Definition::read(std::string("[]")), DefinitionError);
}
