// JSON Schema draft-07, compiled once and run over records.
//
// Source: https://json-schema.org/draft-07/json-schema-validation (draft-handrews-json-schema-01
// and -validation-01). Every keyword of the draft is known; one that is not is an error when the
// schema is compiled, never a silent pass.
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

/// A schema that can't be compiled; pointer is where in the schema (RFC 6901).
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
	/// `format` is asserted, not only annotated.
	bool assert_format = false;
	/// Keywords that are neither draft-07's nor begin with "x-" are ignored instead of refused
	/// (what draft-07 section 6.4 asks of validators; definitions never use it).
	bool ignore_unknown = false;
	/// Further documents that $ref may name, by absolute URI. The draft-07 meta-schema is known.
	const std::map<std::string, nlohmann::json> *documents = nullptr;
};

/// A compiled schema. Immutable: any number of threads may validate with it.
class Schema
{
  public:
	/// Throws SchemaError. Numbers of the schema are exact where it was read by parse_exact();
	/// those of records always are.
	static Schema compile(const nlohmann::json &schema, const SchemaOptions &options = {});
	~Schema();
	Schema(Schema &&) noexcept;
	Schema &operator=(Schema &&) noexcept;

	/// True when the value is valid. Adds every violation (code schema, sqlstate 23514) with
	/// keyword, pointer (instanceLocation), schema_pointer (keywordLocation) and a message such as
	/// "/email: expected string, got null" ("(root)" stands for the empty pointer).
	/// Of anyOf/oneOf/not only the keyword itself is reported, not the failures inside its
	/// branches. At most 100 violations are added. A property's name that the schema does not
	/// name is the record's: it stands in pointer, but in the message it is "*".
	bool validate(Value value, Violations &violations) const;
	/// The same without saying why: stops at the first violation.
	bool is_valid(Value value) const;

	struct Program;

  private:
	explicit Schema(std::unique_ptr<Program> program);
	std::unique_ptr<Program> program_;
};

} // namespace etl
