// Parses regular expressions of ECMA-262 into a tree. Only expressions are covered that can be
// described in words.
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

/// The characters that one position of the text may have.
struct CharacterSet
{
	bool negated = false;
	bool any = false; ///< a dot: all characters except line ends
	std::vector<std::pair<char32_t, char32_t>> ranges;
	std::vector<const char *> named; ///< plural nouns for Unicode's categories, such as "letters"

	/// Sorts and merges the ranges.
	void normalize();
	bool is_one() const
	{
		return !negated && !any && named.empty() && ranges.size() == 1 &&
			   ranges[0].first == ranges[0].second;
	}
	/// Whether all characters of the set are between `first` and `last`.
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
		number, ///< made of digits: all numbers from low to high, written with `width` digits
		begin,
		end
	};
	Kind kind = Kind::characters;
	uint32_t min = 1, max = 1; ///< smallest and largest number of repetitions
	CharacterSet set;
	std::vector<Sequence> branches = {};
	uint32_t low = 0, high = 0, width = 0;
};

/// Returns false if the expression is not covered.
bool parse(std::string_view pattern, std::vector<Sequence> &branches);

} // namespace etl::pattern
