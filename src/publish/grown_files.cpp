#include "publish/grown_files.h"

#include <map>

namespace etl
{

namespace
{

/// By the path of the raw file. There are few, because files rarely grow after they were loaded.
std::map<std::string, std::pair<std::string, FileAction>> grown;

} // namespace

void
forget_grown(const std::string &dataset)
{
	std::erase_if(grown, [&](const auto &entry) { return entry.second.first == dataset; });
}

void
note_grown(const std::string &dataset, const FileAction &action)
{
	grown.insert_or_assign(action.from, std::make_pair(dataset, action));
}

const FileAction *
find_grown(const std::string &path)
{
	const auto found = grown.find(path);
	return found == grown.end() ? nullptr : &found->second.second;
}

std::vector<const FileAction *>
grown_files(const std::string &dataset)
{
	std::vector<const FileAction *> found;
	for (const auto &[path, entry] : grown)
		if (entry.first == dataset)
			found.push_back(&entry.second);
	return found;
}

} // namespace etl
