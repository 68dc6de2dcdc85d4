// Checks whether a pointer of a definition can match a value in a record that the JSON Schema
// accepts.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/definition/definition.h"

namespace etl
{

/// Throws DefinitionError for the first pointer of x-etl ("from", a reference, a check, a personal
/// field …) that can never match: it steps into a property that a closed object does not have, or
/// into a value that is neither object nor array. The column of such a pointer would always be
/// null, and the reference would never be checked. Pointers that cannot be decided (conditions,
/// references to other documents) are accepted.
void check_pointers(const nlohmann::json &schema, const Definition &definition);

/// Checks one path. Returns an empty text if it can match, else why it cannot.
std::string why_unreachable(const nlohmann::json &schema, const Path &path);

} // namespace etl
