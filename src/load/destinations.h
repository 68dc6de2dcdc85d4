// Chooses the paths of files in the processed and the archive directory.
#pragma once

#include <string>
#include <vector>

#include "pg/settings.h"

namespace etl
{

/// Returns `relative`, with ".2", ".3" … inserted before the first dot of its name if root/relative
/// exists or is in `taken`. Throws pg::Error if it cannot be determined which names are free,
/// because an existing file would be replaced.
std::string free_name(const std::string &root, const std::string &relative,
					  const std::vector<std::string> &taken);

/// Checks, before staged files are read, whether free names can be found for them.
class Destinations
{
  public:
	explicit Destinations(const pg::Settings &settings) : settings_(settings) {}

	/// Why the partition of a file cannot be read in the processed or the archive directory. Empty
	/// if it can.
	const std::string &problem(const std::string &path);

  private:
	const pg::Settings &settings_;
	/// of the previous file, which is often in the same partition
	std::string partition_, problem_;
};

} // namespace etl
