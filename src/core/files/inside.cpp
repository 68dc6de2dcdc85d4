// path_inside() makes two checks. First it compares each directory above the path with the given
// directory, which recognises every way of writing it and bind mounts of it. Then it checks whether
// both are in the same file system, one below the other. This recognises bind mounts of a directory
// further down, whose parents cannot be seen through the mount: /proc/self/mountinfo says where in
// the file system such a mount is.
#include "core/files/inside.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include <sys/stat.h>

namespace etl
{

namespace
{

/// An absolute path without its last step. Empty for "/".
std::string
parent_of(const std::string &path)
{
	const size_t slash = path.rfind('/');
	if (slash == std::string::npos || path == "/")
		return {};
	return slash == 0 ? "/" : path.substr(0, slash);
}

/// Whether the path is the directory or below it. Both must be absolute and resolved.
bool
is_below(const std::string &path, const std::string &directory)
{
	const std::string prefix = directory == "/" ? directory : directory + "/";
	return path == directory || path.compare(0, prefix.size(), prefix) == 0;
}

/// The part of the path after the directory, if is_below() is true.
std::string
rest_below(const std::string &path, const std::string &directory)
{
	if (path == directory)
		return {};
	return path.substr(directory == "/" || directory.empty() ? 1 : directory.size() + 1);
}

/// The position of a path in its file system.
struct Location
{
	std::string file_system; ///< "major:minor"
	std::string path;
};

/// mountinfo writes blanks and backslashes as \ooo.
std::string
unescaped(const std::string &text)
{
	std::string out;
	for (size_t i = 0; i < text.size(); ++i)
		if (text[i] == '\\' && i + 3 < text.size())
		{
			out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
									 (text[i + 3] - '0'));
			i += 3;
		}
		else
			out += text[i];
	return out;
}

/// Uses the nearest mount point above the path. Of several mounts on one point, the last one hides
/// the others.
Location
location_of(const std::string &path, const std::string &mounts)
{
	Location found;
	size_t longest = 0;
	std::istringstream lines(mounts);
	for (std::string line; std::getline(lines, line);)
	{
		std::istringstream fields(line);
		std::string id, parent, device, root, point;
		if (!(fields >> id >> parent >> device >> root >> point))
			continue;
		point = unescaped(point);
		if (point.size() < longest || !is_below(path, point))
			continue;
		longest = point.size();
		const std::string below = path.substr(point == "/" ? 0 : point.size());
		root = unescaped(root);
		found = {device, root == "/" ? below : root + below};
	}
	return found;
}

std::string
read_mounts()
{
	std::string text;
	const std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen("/proc/self/mountinfo", "re"),
													  std::fclose);
	char buffer[8192];
	while (const size_t got = file ? std::fread(buffer, 1, sizeof buffer, file.get()) : 0)
		text.append(buffer, got);
	return text;
}

} // namespace

std::string
resolved_path(const std::string &path)
{
	char resolved[PATH_MAX];
	if (realpath(path.c_str(), resolved) != nullptr)
		return resolved;
	if (errno != ENOENT)
		return {};
	size_t end = path.size();
	while (end > 1 && path[end - 1] == '/')
		--end;
	const size_t slash = path.rfind('/', end - 1);
	const std::string name = path.substr(slash + 1, end - slash - 1);
	if (slash == std::string::npos || name.empty() || name == "." || name == "..")
		return {};
	if (realpath(slash == 0 ? "/" : path.substr(0, slash).c_str(), resolved) == nullptr)
		return {};
	const std::string directory(resolved);
	return directory == "/" ? "/" + name : directory + "/" + name;
}

std::string
place_key(const std::string &path)
{
	const size_t slash = path.rfind('/');
	struct stat directory;
	if (stat(path.substr(0, slash + 1).c_str(), &directory) != 0)
		return path;
	return std::to_string(directory.st_dev) + " " + std::to_string(directory.st_ino) +
		   path.substr(slash);
}

bool
is_inside(const std::string &path, const std::string &directory)
{
	return path_inside(path, directory).has_value();
}

std::optional<std::string>
path_inside(const std::string &path, const std::string &directory)
{
	const std::string inner = resolved_path(path), outer = resolved_path(directory);
	struct stat root, info;
	if (inner.empty() || outer.empty() || stat(outer.c_str(), &root) != 0)
		return std::nullopt;
	bool same_device = false;
	for (std::string at = inner; !at.empty(); at = parent_of(at))
	{
		// the last step may not exist yet
		if (stat(at.c_str(), &info) != 0)
			continue;
		if (info.st_dev == root.st_dev && info.st_ino == root.st_ino)
			return rest_below(inner, at);
		same_device = same_device || info.st_dev == root.st_dev;
	}
	if (!same_device)
		return std::nullopt;
	const std::string mounts = read_mounts();
	const Location a = location_of(inner, mounts), b = location_of(outer, mounts);
	if (a.path.empty() || a.file_system != b.file_system || !is_below(a.path, b.path))
		return std::nullopt;
	return rest_below(a.path, b.path);
}

} // namespace etl
