// What is wrong with a record: the unit of quarantine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etl
{

/// In the order in which a record is tested; the first one names the quarantined record.
enum class Code : uint8_t
{
	malformed,
	schema,
	type,
	duplicate,
	reference,
	check,
	constraint
};

/// "malformed", "schema", …
const char *code_name(Code code);

/// One violated rule. No field but `key` holds a value of the record: messages are shown in logs
/// and to people who may not see personal data.
struct Violation
{
	Code code = Code::malformed;
	std::string keyword;        ///< JSON Schema keyword, or the rule's name
	std::string pointer;        ///< instanceLocation: JSON Pointer into the record
	std::string schema_pointer; ///< keywordLocation: JSON Pointer into the definition
	std::string sqlstate;       ///< what PostgreSQL would have said
	std::string message;
	std::string dataset = {}; ///< reference: the dataset that lacks the key
	std::string key = {};     ///< reference: the key it lacks
	std::string pattern = {}; ///< the regular expression that was broken; messages have words
};

using Violations = std::vector<Violation>;

/// How many of one record are kept: what is wrong with a million elements need be said of some.
constexpr size_t max_violations = 100;

/// Bytes of a pointer or a message that are kept: names may be as long as the record, and a hundred
/// such violations more than a jsonb can take. What is longer is cut, and ends in "…".
constexpr size_t max_violation_text = 2048;
void shorten(std::string &text);

/// Bytes that they take, about.
size_t memory_of(const Violations &violations);

/// Appends the violations as the JSON array that etl.quarantine.violations holds.
void append_violations_json(std::string &out, const Violations &violations);

} // namespace etl
