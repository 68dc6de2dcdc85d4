// The violations of a record, which are the reason for its quarantine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etl
{

/// The codes, in the order in which a record is checked. The first violation gives the quarantined
/// record its code.
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

/// One violated rule. Only `key` may contain a value of the record, because messages are shown in
/// logs and to people who may not see personal data.
struct Violation
{
	Code code = Code::malformed;
	std::string keyword;        ///< JSON Schema keyword, or the rule's name
	std::string pointer;        ///< instanceLocation: JSON Pointer into the record
	std::string schema_pointer; ///< keywordLocation: JSON Pointer into the definition
	std::string sqlstate;       ///< what PostgreSQL would have raised
	std::string message;
	std::string dataset = {}; ///< reference: the dataset in which the key is missing
	std::string key = {};     ///< reference: the missing key
	/// the regular expression that did not match; messages describe it in words
	std::string pattern = {};
};

using Violations = std::vector<Violation>;

/// Largest number of violations that are kept for a record. Some of a million wrong elements are
/// enough to understand what is wrong.
constexpr size_t max_violations = 100;

/// Largest number of bytes of a pointer or a message. A name may be as long as the record, and a
/// hundred such violations would be too large for jsonb. A longer text is cut and ends in "…".
constexpr size_t max_violation_text = 2048;
void shorten(std::string &text);

/// Approximate number of bytes of memory that the violations use.
size_t memory_of(const Violations &violations);

/// Appends the violations as a JSON array, the value of etl.quarantine.violations.
void append_violations_json(std::string &out, const Violations &violations);

} // namespace etl
