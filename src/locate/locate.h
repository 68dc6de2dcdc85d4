// Finds the places of an identifier: in live rows, planner statistics, statement statistics, the
// files of the pipeline and, for a superuser, the server's own files. docs/explanation/locate.md
// says what the result proves.
#pragma once

#include <string>

#include "locate/located.h"

namespace etl
{

/// Searches all of these places. Call it inside an SPI connection.
Located locate(const std::string &identifier);

} // namespace etl
