// What else the caller may do.
#pragma once

#include <string>

namespace etl
{

/// Whether the current user may execute a function of the extension, given by its name; of several
/// with that name, any.
bool may_call(const std::string &function);

} // namespace etl
