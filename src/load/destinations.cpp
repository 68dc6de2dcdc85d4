#include "load/destinations.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "pg/guard.h"
#include "publish/plan.h"

namespace etl
{

std::string
free_name(const std::string &root, const std::string &relative,
		  const std::vector<std::string> &taken)
{
	const size_t slash = relative.rfind('/');
	const size_t name = slash == std::string::npos ? 0 : slash + 1;
	const size_t dot = std::min(relative.find('.', name), relative.size());
	for (int n = 1;; ++n)
	{
		std::string candidate = relative;
		if (n > 1)
			candidate.insert(dot, "." + std::to_string(n));
		const std::string path = root + "/" + candidate;
		const Presence presence = look_for(path);
		if (presence == Presence::unknown)
			throw pg::Error(sqlstate_of_errno(errno),
							"could not look for a file: " + std::generic_category().message(errno),
							"File \"" + storable_text(path) + "\".");
		if (presence == Presence::gone && !destination_taken(path) &&
			std::find(taken.begin(), taken.end(), candidate) == taken.end())
			return candidate;
	}
}

const std::string &
Destinations::problem(const std::string &path)
{
	const std::string partition = path.substr(0, path.rfind('/') + 1);
	if (partition == partition_)
		return problem_;
	partition_ = partition;
	problem_.clear();
	for (const auto &[root, name] :
		 {std::pair{&settings_.processed_dir, "processed"}, {&settings_.archive_dir, "archive"}})
		if (problem_.empty() && look_for(*root + "/" + path) == Presence::unknown)
			problem_ = "could not look into its " + std::string(name) +
					   " directory: " + std::generic_category().message(errno);
	return problem_;
}

} // namespace etl
