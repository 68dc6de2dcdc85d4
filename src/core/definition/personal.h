// Treatments as definitions write them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/definition/definition.h"

namespace etl
{

/// Reads an element of "personal" that its schema has seen: treatment and options without the
/// field. place: where it stands, for errors.
PersonalDefinition read_personal(const nlohmann::json &j, const std::string &place);

/// The treatment's name as definitions write it.
const char *treatment_name(Treatment treatment);

} // namespace etl
