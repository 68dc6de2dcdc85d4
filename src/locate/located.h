// The result of a search for an identifier.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace etl
{

/// What a search has found, and what it could not search.
struct Located
{
	/// (place, kind) → occurrences.
	std::map<std::pair<std::string, std::string>, uint64_t> findings;
	/// One line for each, for people. A line never contains the identifier.
	std::vector<std::string> unsearched;

	void add(const std::string &place, const char *kind, uint64_t count)
	{
		if (count > 0)
			findings[{place, kind}] += count;
	}
	/// Relations whose rows were read, and the relations behind them. Hits in their files are
	/// reported differently from hits in the files of other tables.
	std::set<uint32_t> searched;
	/// Whether the identifier was found in live data.
	bool alive = false;
};

} // namespace etl
