// Reads treatments from definitions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/definition/definition.h"

namespace etl
{

/// Reads the treatment and options, but not the field, of an element of "personal" that the schema
/// has accepted. `place` is the pointer of the element, for errors.
PersonalDefinition read_personal(const nlohmann::json &j, const std::string &place);

/// The name of the treatment in definitions.
const char *treatment_name(Treatment treatment);

} // namespace etl
