// The part of ECMA-262's regular expressions that can be told in words, as a tree.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etl::pattern
{

constexpr uint32_t unlimited = std::numeric_limits<uint32_t>::max();

/// Characters that may stand in one place.
struct CharacterSet
{
	bool negated = false;
	bool any = false; ///< a dot: all but the ends of lines
	std::vector<std::pair<char32_t, char32_t>> ranges;
	std::vector<const char *> named; ///< plural nouns for what Unicode calls so: "letters"

	/// Sorts and merges the ranges.
	void normalize();
	bool is_one() const
	{
		return !negated && !any && named.empty() && ranges.size() == 1 &&
			   ranges[0].first == ranges[0].second;
	}
	/// Nothing but characters from first to last.
	bool is_within(char32_t first, char32_t last) const;
};

struct Item;
using Sequence = std::vector<Item>;

struct Item
{
	enum class Kind
	{
		characters,
		group,
		number, ///< made of digits: all numbers from low to high, in as many digits as width
		begin,
		end
	};
	Kind kind = Kind::characters;
	uint32_t min = 1, max = 1; ///< how often
	CharacterSet set;
	std::vector<Sequence> branches = {};
	uint32_t low = 0, high = 0, width = 0;
};

/// False for what is not covered.
bool parse(std::string_view pattern, std::vector<Sequence> &branches);

} // namespace etl::pattern
