// errno as PostgreSQL would report it.
#pragma once

#include <string>

#include "core/staged_file.h"

namespace etl
{

/// The SQLSTATE that PostgreSQL's errcode_for_file_access() has for it; 58030 for all others.
const char *sqlstate_of_errno(int error);

/// what + ": " + the system's message.
FileError system_error(const std::string &what, int error);

} // namespace etl
