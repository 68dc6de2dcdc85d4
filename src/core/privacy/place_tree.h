// Places of a definition by their paths, in a vector: the root is the first, and each has the
// positions of its members by name in Place::members ("*": the elements).
#pragma once

#include <vector>

#include "core/json/document.h"

namespace etl
{

/// Position of the place at the path, which is made where it is missing. places must hold the root.
template <typename Place>
size_t
place_at(std::vector<Place> &places, const Path &path)
{
	size_t at = 0;
	for (const std::string &step : path)
	{
		const auto [member, is_new] = places[at].members.emplace(step, places.size());
		at = member->second; // before the vector grows: it holds the map
		if (is_new)
			places.emplace_back();
	}
	return at;
}

} // namespace etl
