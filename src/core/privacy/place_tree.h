// A tree of the paths in a definition, in a vector. The first place is the root. Place::members
// maps the names of a place's members to their indices ("*" stands for the elements).
#pragma once

#include <vector>

#include "core/json/pointer.h"

namespace etl
{

/// The index of the place at the path. Missing places are added. The vector must contain the root.
template <typename Place>
size_t
place_at(std::vector<Place> &places, const Path &path)
{
	size_t at = 0;
	for (const std::string &step : path)
	{
		const auto [member, is_new] = places[at].members.emplace(step, places.size());
		at = member->second; // copied before the vector grows, because the vector contains the map
		if (is_new)
			places.emplace_back();
	}
	return at;
}

} // namespace etl
