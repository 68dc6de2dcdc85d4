// Compiles the keywords that depend on each other: if/then/else, items, and those about members.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/schema/compiler.h"

namespace etl
{

/// Adds instructions for the keywords of one schema to its draft. All functions throw SchemaError.
class StructureCompiler
{
  public:
	StructureCompiler(SchemaCompiler &compiler, SchemaCompiler::Draft &draft)
		: compiler_(compiler), program_(*compiler.program_), draft_(draft)
	{
	}

	/// if, then, else
	void condition(const nlohmann::json &schema);
	/// items, additionalItems
	void items(const nlohmann::json &schema);
	/// properties, required, patternProperties, dependencies, additionalProperties
	void object_rules(const nlohmann::json &schema);

  private:
	void properties(const nlohmann::json &value, ObjectRules &rules);
	void patterns(const nlohmann::json &value, ObjectRules &rules);
	void dependencies(const nlohmann::json &value, ObjectRules &rules);
	std::vector<uint32_t> name_list(ObjectRules &rules,
									std::initializer_list<std::string_view> steps,
									const nlohmann::json &list);
	uint32_t part(const nlohmann::json &schema, std::initializer_list<std::string_view> steps)
	{
		return compiler_.part(draft_, schema, steps);
	}

	SchemaCompiler &compiler_;
	Schema::Program &program_;
	SchemaCompiler::Draft &draft_;
};

} // namespace etl
