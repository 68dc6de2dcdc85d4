// The documents that $ref may refer to, and the names of the schemas in them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "core/schema/schema.h"

namespace etl
{

/// A schema and its position in a document.
struct SchemaPlace
{
	const nlohmann::json *schema = nullptr;
	uint32_t base = 0;   ///< index of the base URI
	std::string pointer; ///< from the root of the document
	/// URI of the document; null for the schema that is being compiled
	const std::string *document = nullptr;
};

class SchemaRegistry
{
  public:
	/// Both must outlive the registry.
	SchemaRegistry(const nlohmann::json &schema, const SchemaOptions &options);

	SchemaPlace root() const { return root_; }
	/// A part of a schema, with the base URI that applies to it.
	SchemaPlace part(const SchemaPlace &of, const nlohmann::json &schema,
					 std::initializer_list<std::string_view> steps) const;
	/// The schema that $ref refers to. Throws SchemaError if there is none.
	SchemaPlace resolve(const SchemaPlace &from, const std::string &reference);

	/// Throws SchemaError with the pointer of `place`, followed by `steps`.
	[[noreturn]] static void fail(const SchemaPlace &place,
								  std::initializer_list<std::string_view> steps,
								  const std::string &message);

  private:
	uint32_t base_index(const std::string &uri);
	SchemaPlace load(const nlohmann::json &document, const std::string &uri);
	void scan(const SchemaPlace &place);
	void name(const std::string &uri, const SchemaPlace &place);
	uint32_t base_at(const nlohmann::json &schema, uint32_t inherited) const;
	const SchemaPlace *document_at(const std::string &uri);

	const SchemaOptions &options_;
	SchemaPlace root_;
	std::deque<std::string> bases_, documents_;
	std::unordered_map<std::string, SchemaPlace> named_; ///< indexed by absolute URI
	std::unordered_map<const nlohmann::json *, uint32_t> own_base_;
};

} // namespace etl
