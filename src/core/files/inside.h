// Determines whether a path is inside a directory, however the two are written.
#pragma once

#include <optional>
#include <string>

namespace etl
{

/// The path with links, "." and ".." resolved. For a file that does not exist, the resolved path of
/// its directory and the name. Empty with errno if the directory does not exist either or cannot be
/// entered.
std::string resolved_path(const std::string &path);

/// Whether the path is the directory or below it. Directories are compared by device and inode, so
/// links, double slashes, ".." and bind mounts (also of a directory further down) are recognised. A
/// path that does not exist counts as the place where it would be created. Also false if this
/// cannot be determined because one of the two cannot be reached.
bool is_inside(const std::string &path, const std::string &directory);

/// A text that is the same for all absolute paths of a file that differ only in how its directory
/// is written. The path itself if its directory cannot be reached.
std::string place_key(const std::string &path);

/// The path relative to the directory; "" for the directory itself. Nothing if is_inside() is
/// false.
std::optional<std::string> path_inside(const std::string &path, const std::string &directory);

} // namespace etl
