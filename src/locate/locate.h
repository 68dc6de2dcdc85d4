// Where does an identifier stand? Every place that the database can look into: live rows, planner
// statistics, statement statistics, the files of the pipeline and, for a superuser, the server's
// own files. docs/explanation/locate.md says what that proves.
#pragma once

#include <string>

#include "locate/located.h"

namespace etl
{

/// Searches everything. Must be called inside an SPI connection.
Located locate(const std::string &identifier);

} // namespace etl
