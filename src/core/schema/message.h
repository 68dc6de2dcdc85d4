// What is said about a violation. No value of the record stands in it.
#pragma once

#include <string>
#include <string_view>

#include "core/schema/program.h"

namespace etl::schema_run
{

/// The text of a violation, without where.
std::string type_message(const SchemaNode &node, Value value);
/// What a pattern asks for: in words, as the schema describes it, or by its place.
std::string pattern_message(const PatternText &pattern, const std::string &schema_pointer);
std::string count_message(Op op, uint64_t bound, uint64_t count);
std::string bound_message(Op op, const Bound &bound);
std::string quoted(std::string_view name);

} // namespace etl::schema_run
