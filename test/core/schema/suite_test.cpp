// The JSON Schema Test Suite for draft-07 from Debian's package: all required and all optional
// cases, with formats asserted. `exceptions` lists the cases that are not supported, with the
// reasons.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "core/schema/schema.h"

using namespace etl;
using nlohmann::json;
namespace fs = std::filesystem;

namespace
{

const fs::path &
suite()
{
	static const fs::path path = []
	{
		const char *set = std::getenv("JSON_SCHEMA_TEST_SUITE");
		return fs::path(set != nullptr ? set : "/usr/share/json-schema-test-suite");
	}();
	return path;
}

fs::path
draft7()
{
	return suite() / "tests" / "draft7";
}

std::string
read(const fs::path &path)
{
	std::ifstream in(path, std::ios::binary);
	return {std::istreambuf_iterator<char>(in), {}};
}

/// The cases as "file: group: test". The file is below draft7, without ".json".
const std::map<std::string, std::string> exceptions = {
	// contentEncoding and contentMediaType are annotations: draft-07 (validation, section 8.2)
	// allows an implementation to decode and check contents, and asks that this be optional. A load
	// should not decode every string of a record, and the JSON inside a string is a matter of its
	// consumer.
	{"optional/content: validation of string-encoded content based on media type: an invalid JSON "
	 "document",
	 "contentMediaType is an annotation"},
	{"optional/content: validation of binary string-encoding: an invalid base64 string (% is not a "
	 "valid character)",
	 "contentEncoding is an annotation"},
	{"optional/content: validation of binary-encoded media type documents: a validly-encoded "
	 "invalid JSON document",
	 "contentMediaType is an annotation"},
	{"optional/content: validation of binary-encoded media type documents: an invalid base64 "
	 "string that is valid JSON",
	 "contentEncoding is an annotation"},
};

const std::map<std::string, json> &
remotes()
{
	static const std::map<std::string, json> documents = []
	{
		std::map<std::string, json> read_in;
		const fs::path root = suite() / "remotes";
		for (const auto &entry : fs::recursive_directory_iterator(root))
			if (entry.is_regular_file())
				read_in["http://localhost:1234/" +
						fs::relative(entry.path(), root).generic_string()] =
					json::parse(read(entry.path()));
		return read_in;
	}();
	return documents;
}

std::vector<std::string>
files()
{
	std::vector<std::string> names;
	std::error_code missing;
	for (fs::recursive_directory_iterator it(draft7(), missing), end; it != end;
		 it.increment(missing))
		if (it->path().extension() == ".json")
			names.push_back(
				fs::relative(it->path(), draft7()).replace_extension().generic_string());
	std::sort(names.begin(), names.end());
	return names;
}

class SchemaSuite : public testing::TestWithParam<std::string>
{
};

// the test Installed reports this better
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SchemaSuite);

TEST(SchemaSuiteFiles, Installed)
{
	const auto names = files();
	const std::set<std::string> found(names.begin(), names.end());
	for (const char *name : {"additionalItems",
							 "additionalProperties",
							 "allOf",
							 "anyOf",
							 "boolean_schema",
							 "const",
							 "contains",
							 "default",
							 "definitions",
							 "dependencies",
							 "enum",
							 "exclusiveMaximum",
							 "exclusiveMinimum",
							 "if-then-else",
							 "items",
							 "maxItems",
							 "maxLength",
							 "maxProperties",
							 "maximum",
							 "minItems",
							 "minLength",
							 "minProperties",
							 "minimum",
							 "multipleOf",
							 "not",
							 "oneOf",
							 "pattern",
							 "patternProperties",
							 "properties",
							 "propertyNames",
							 "ref",
							 "refRemote",
							 "required",
							 "type",
							 "uniqueItems",
							 "optional/bignum",
							 "optional/format/date-time"})
		EXPECT_TRUE(found.count(name))
			<< draft7() / name << ".json is missing: apt-get install json-schema-test-suite";
}

TEST_P(SchemaSuite, Agrees)
{
	const std::string &name = GetParam();
	// Instances are read as they are written, because 1.0 and 40-digit integers must not change.
	Document file;
	ParseError parse_error;
	const std::string text = read(draft7() / (name + ".json"));
	ASSERT_TRUE(file.parse(text, parse_error)) << parse_error.message;

	SchemaOptions options;
	options.ignore_unknown = true;
	options.documents = &remotes();
	options.assert_format = name.rfind("optional/", 0) == 0;

	Value group = file.root().first();
	size_t cases = 0;
	for (uint32_t g = 0; g < file.root().count(); ++g, group = group.next())
	{
		const std::string label = name + ": " + std::string(group.member("description").text());
		SCOPED_TRACE(label);
		std::optional<Schema> schema;
		try
		{
			schema = Schema::compile(json::parse(group.member("schema").raw()), options);
		}
		catch (const SchemaError &e)
		{
			ADD_FAILURE() << "does not compile: " << e.pointer() << ": " << e.what();
			continue;
		}
		Value test = group.member("tests").first();
		for (uint32_t t = 0; t < group.member("tests").count(); ++t, test = test.next(), ++cases)
		{
			const std::string description(test.member("description").text());
			const bool expected = test.member("valid").truth();
			const Value data = test.member("data");
			Violations violations;
			const bool valid = schema->is_valid(data);
			EXPECT_EQ(schema->validate(data, violations), valid) << description;
			EXPECT_EQ(violations.empty(), valid) << description;
			if (exceptions.count(label + ": " + description))
				EXPECT_NE(valid, expected) << description << ": no exception any more";
			else
				EXPECT_EQ(valid, expected)
					<< description << ": " << (valid ? "" : violations[0].message);
		}
	}
	EXPECT_GT(cases, 0u);
}

INSTANTIATE_TEST_SUITE_P(Draft7, SchemaSuite, testing::ValuesIn(files()),
						 [](const auto &info)
						 {
							 std::string name = info.param;
							 std::replace_if(
								 name.begin(), name.end(),
								 [](char c)
								 { return !std::isalnum(static_cast<unsigned char>(c)); },
								 '_');
							 return name;
						 });

} // namespace
