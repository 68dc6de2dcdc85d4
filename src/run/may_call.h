// The right of the caller to call other functions of the extension.
#pragma once

#include <string>

namespace etl
{

/// Whether the current user may execute a function of the extension, given by its name. Of several
/// functions with that name, any one counts.
bool may_call(const std::string &function);

} // namespace etl
