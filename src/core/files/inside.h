// Whether a path lies in a directory, however either of them is spelled.
#pragma once

#include <optional>
#include <string>

namespace etl
{

/// The path with links, "." and ".." resolved; of a file that does not exist, its directory's with
/// the name added. Empty with errno where even that directory does not exist or cannot be entered.
std::string resolved_path(const std::string &path);

/// Whether the path is the directory or lies below it. Directories are the same when device and
/// inode are, so that links, double slashes, ".." and bind mounts (also of a directory further
/// down) hide nothing. A path that does not exist is where it would be made. False when that cannot
/// be told, because one of them cannot be reached.
bool is_inside(const std::string &path, const std::string &directory);

/// Where in the directory the path lies, "" for the directory itself; nothing where is_inside() is
/// false.
std::optional<std::string> path_inside(const std::string &path, const std::string &directory);

} // namespace etl
