// JSON Schema draft-07, compiled once and run on many records.
//
// Source: https://json-schema.org/draft-07/json-schema-validation (draft-handrews-json-schema-01
// and -validation-01). All keywords of the draft are supported. An unknown keyword is an error when
// the schema is compiled and is never ignored silently.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/json/document.h"
#include "core/schema/violation.h"

namespace etl
{

/// The error for a schema that cannot be compiled. pointer() is the position in the schema (RFC
/// 6901).
class SchemaError : public std::runtime_error
{
  public:
	SchemaError(std::string pointer, const std::string &message);
	const std::string &pointer() const { return pointer_; }

  private:
	std::string pointer_;
};

struct SchemaOptions
{
	/// Whether `format` is checked and not only an annotation.
	bool assert_format = false;
	/// Whether keywords are ignored that neither belong to draft-07 nor begin with "x-", as
	/// draft-07, section 6.4 asks of validators. Otherwise such a keyword is an error, as in
	/// definitions.
	bool ignore_unknown = false;
	/// Further documents that $ref may refer to, by absolute URI. The meta-schema of draft-07 is
	/// always available.
	const std::map<std::string, nlohmann::json> *documents = nullptr;
};

/// A compiled schema. It does not change, so any number of threads may validate with it.
class Schema
{
  public:
	/// Compiles a schema. Throws SchemaError. The numbers of the schema are exact if it was read by
	/// parse_exact(); those of records are always exact.
	static Schema compile(const nlohmann::json &schema, const SchemaOptions &options = {});
	~Schema();
	Schema(Schema &&) noexcept;
	Schema &operator=(Schema &&) noexcept;

	/// Returns true if the value is valid. Adds every violation (code schema, sqlstate 23514) with
	/// its keyword, pointer (instanceLocation), schema_pointer (keywordLocation) and a message such
	/// as "/email: expected string, got null" ("(root)" stands for the empty pointer). For anyOf,
	/// oneOf and not, the keyword itself is reported, but not the failures inside its branches. At
	/// most 100 violations are added. The name of a property that the schema does not name is data
	/// of the record: the pointer contains it, but the message has "*" instead.
	bool validate(Value value, Violations &violations) const;
	/// Like validate(), but only returns whether the value is valid, and stops at the first
	/// violation.
	bool is_valid(Value value) const;

	struct Program;

  private:
	explicit Schema(std::unique_ptr<Program> program);
	std::unique_ptr<Program> program_;
};

} // namespace etl
