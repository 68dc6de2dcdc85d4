#include "core/records/file_name.h"

namespace etl
{

bool
is_gzip(const std::string &name)
{
	return name.ends_with(".gz");
}

bool
is_whole_json(const std::string &name)
{
	return name.ends_with(".json") || name.ends_with(".json.gz");
}

std::string
path_without_count(const std::string &path)
{
	const size_t slash = path.rfind('/');
	const size_t dot = path.find('.', slash == std::string::npos ? 0 : slash + 1);
	size_t end = dot == std::string::npos ? dot : dot + 1;
	while (end < path.size() && path[end] >= '0' && path[end] <= '9')
		++end;
	return end < path.size() && end > dot + 1 && path[end] == '.'
			   ? path.substr(0, dot) + path.substr(end)
			   : path;
}

} // namespace etl
