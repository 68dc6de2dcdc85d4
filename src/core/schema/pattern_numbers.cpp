#include "core/schema/pattern_numbers.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace etl::pattern
{

namespace
{

/// A set of texts that consist of `width` digits, as numbers: sorted ranges from first to last.
struct DigitTexts
{
	uint32_t width = 0;
	std::vector<std::pair<uint32_t, uint32_t>> numbers;
};

constexpr uint32_t max_number_width = 4;
constexpr size_t max_number_ranges = 200;

void
merge(DigitTexts &texts)
{
	std::sort(texts.numbers.begin(), texts.numbers.end());
	std::vector<std::pair<uint32_t, uint32_t>> merged;
	for (const auto &range : texts.numbers)
		if (!merged.empty() && range.first <= merged.back().second + 1)
			merged.back().second = std::max(merged.back().second, range.second);
		else
			merged.push_back(range);
	texts.numbers = std::move(merged);
}

/// Each text of a followed by each text of b.
std::optional<DigitTexts>
concatenated(const DigitTexts &a, const DigitTexts &b)
{
	DigitTexts both{a.width + b.width, {}};
	if (both.width > max_number_width)
		return std::nullopt;
	uint32_t scale = 1;
	for (uint32_t i = 0; i < b.width; ++i)
		scale *= 10;
	for (const auto &[low, high] : a.numbers)
		if (b.numbers.size() == 1 && b.numbers[0] == std::pair{0u, scale - 1})
			both.numbers.emplace_back(low * scale, high * scale + scale - 1);
		else
			for (uint32_t n = low; n <= high; ++n)
				for (const auto &range : b.numbers)
				{
					if (both.numbers.size() == max_number_ranges)
						return std::nullopt;
					both.numbers.emplace_back(n * scale + range.first, n * scale + range.second);
				}
	merge(both);
	return both;
}

/// The texts that match the sequence. Nothing unless the sequence consists of sets of digits and of
/// alternatives of such sequences, and all its texts have the same small number of digits.
std::optional<DigitTexts>
texts_of_digits(const Sequence &sequence)
{
	std::optional<DigitTexts> texts = DigitTexts{0, {{0, 0}}};
	for (const Item &item : sequence)
	{
		DigitTexts parts;
		if (item.kind == Item::Kind::characters && item.set.is_within('0', '9'))
		{
			parts.width = 1;
			for (const auto &[first, last] : item.set.ranges)
				parts.numbers.emplace_back(first - '0', last - '0');
		}
		else if (item.kind == Item::Kind::group)
			for (const Sequence &branch : item.branches)
			{
				const auto more = texts_of_digits(branch);
				if (!more || (parts.width > 0 && parts.width != more->width))
					return std::nullopt;
				parts.width = more->width;
				parts.numbers.insert(parts.numbers.end(), more->numbers.begin(),
									 more->numbers.end());
			}
		if (parts.width == 0 || item.min != item.max || item.min == 0)
			return std::nullopt;
		merge(parts);
		for (uint32_t i = 0; i < item.min && texts; ++i)
			texts = concatenated(*texts, parts);
		if (!texts)
			return std::nullopt;
	}
	if (texts->width == 0)
		return std::nullopt;
	return texts;
}

/// The sequence as one item, if it matches exactly the numbers of a range.
std::optional<Item>
number_of(const Sequence &sequence)
{
	const auto texts = texts_of_digits(sequence);
	if (!texts || texts->numbers.size() != 1 || texts->numbers[0].first == texts->numbers[0].second)
		return std::nullopt;
	Item item;
	item.kind = Item::Kind::number;
	item.width = texts->width;
	std::tie(item.low, item.high) = texts->numbers[0];
	return item;
}

/// Whether the item is a character other than a digit. Beside such a character it is clear where a
/// number begins or ends.
bool
parts_digits(const Item &item)
{
	return item.kind == Item::Kind::characters && item.set.is_one() && item.min > 0 &&
		   !item.set.is_within('0', '9');
}

} // namespace

bool
is_any_digits(const Item &item)
{
	return item.kind == Item::Kind::characters && item.set.is_within('0', '9') &&
		   item.set.ranges.size() == 1 &&
		   item.set.ranges[0] == std::pair<char32_t, char32_t>{'0', '9'};
}

Sequence
with_numbers(const Sequence &sequence)
{
	Sequence out;
	for (size_t i = 0; i < sequence.size();)
	{
		std::optional<Item> number;
		size_t end = i;
		bool restricted = false;
		for (size_t to = i + 1; to <= sequence.size(); ++to)
		{
			const Item &last = sequence[to - 1];
			if (!texts_of_digits({last}))
				break;
			restricted = restricted || !is_any_digits(last);
			if (const auto found =
					number_of(Sequence(sequence.begin() + static_cast<ptrdiff_t>(i),
									   sequence.begin() + static_cast<ptrdiff_t>(to))))
				number = found, end = to;
		}
		// a part of a longer run of digits must not be described as if it stood alone
		if (number && restricted && (i == 0 || parts_digits(sequence[i - 1])) &&
			(end == sequence.size() || parts_digits(sequence[end])) &&
			(end > i + 1 || sequence[i].branches.size() > 1))
		{
			out.push_back(*number);
			i = end;
		}
		else
			out.push_back(sequence[i++]);
	}
	return out;
}

} // namespace etl::pattern
