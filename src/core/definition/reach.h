// Whether a pointer of a definition can match anything in a record that its JSON Schema accepts.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/definition/definition.h"

namespace etl
{

/// Throws DefinitionError for the first pointer of x-etl ("from", a reference, a check, a personal
/// field …) that the schema leaves no place for: it steps into a property that a closed object does
/// not have, or into a value that is neither object nor array. Such a column would be null for
/// ever, such a reference never be looked at. What cannot be told (conditions, references to other
/// documents) counts as possible.
void check_pointers(const nlohmann::json &schema, const Definition &definition);

/// The same for one path: empty, or why nothing can stand there.
std::string why_unreachable(const nlohmann::json &schema, const Path &path);

} // namespace etl
