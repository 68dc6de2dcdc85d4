// Where files go in the processed and the archive directory.
#pragma once

#include <string>
#include <vector>

#include "pg/settings.h"

namespace etl
{

/// `relative`, or with ".2", ".3" … before the first dot of its name, so that neither
/// root/relative nor a path in `taken` is it. Throws pg::Error where it cannot be told which names
/// are free: what has one of them already would be replaced.
std::string free_name(const std::string &root, const std::string &relative,
					  const std::vector<std::string> &taken);

/// Tells of staged files, before they are read, whether free names can be found for them.
class Destinations
{
  public:
	explicit Destinations(const pg::Settings &settings) : settings_(settings) {}

	/// What keeps a file's partition in the processed or the archive directory from being looked
	/// into; empty: nothing.
	const std::string &problem(const std::string &path);

  private:
	const pg::Settings &settings_;
	std::string partition_, problem_; ///< of the file before, which often is of the same one
};

} // namespace etl
