// The meta-schema of draft-07, so that schemas can refer to it without a network.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace etl
{

const nlohmann::json &draft07_metaschema();

} // namespace etl
