// What the name of an exported file promises.
#pragma once

#include <string>

namespace etl
{

/// Refuses a path whose ending says something else than what is written: another format (22023), or
/// a compression that exports do not have (0A000). Whoever finds the file later goes by its name,
/// and so does an erasure that rewrites it.
void require_fitting_name(const std::string &dataset, const std::string &path,
						  const std::string &format);

} // namespace etl
