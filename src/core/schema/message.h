// The messages of violations. They contain no value of the record.
#pragma once

#include <string>
#include <string_view>

#include "core/schema/program.h"

namespace etl::schema_run
{

/// The message for a value of the wrong type, without its position.
std::string type_message(const SchemaNode &node, Value value);
/// What a pattern requires: in words, as the schema describes it, or by the position of the pattern
/// in the schema.
std::string pattern_message(const PatternText &pattern, const std::string &schema_pointer);
std::string count_message(Op op, uint64_t bound, uint64_t count);
std::string bound_message(Op op, const Bound &bound);
std::string quoted(std::string_view name);

} // namespace etl::schema_run
