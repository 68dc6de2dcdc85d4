// What a search for an identifier found, and what it could not look into.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace etl
{

/// What a search found, and what it could not look into.
struct Located
{
	/// (place, kind) → occurrences.
	std::map<std::pair<std::string, std::string>, uint64_t> findings;
	/// One line each, for people; never the identifier.
	std::vector<std::string> unsearched;

	void add(const std::string &place, const char *kind, uint64_t count)
	{
		if (count > 0)
			findings[{place, kind}] += count;
	}
	/// Relations whose rows were read, and those behind them: what their files hold is told apart
	/// from what the files of other tables do.
	std::set<uint32_t> searched;
	/// Is it found where only live data can be?
	bool alive = false;
};

} // namespace etl
