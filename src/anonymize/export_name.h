// Checks the names of exported files.
#pragma once

#include <string>

namespace etl
{

/// Refuses a path whose ending stands for another format than the one that is written (22023), or
/// for a compression that exports do not support (0A000). People who find the file later, and an
/// erasure that rewrites it, rely on the name.
void require_fitting_name(const std::string &dataset, const std::string &path,
						  const std::string &format);

} // namespace etl
