#include "core/schema/pattern_words.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "core/base/utf8.h"
#include "core/schema/pattern_numbers.h"
#include "core/schema/pattern_parse.h"

namespace etl
{

namespace
{

using pattern::CharacterSet;
using pattern::is_any_digits;
using pattern::Item;
using pattern::Sequence;
using pattern::unlimited;
using pattern::with_numbers;

/// A longer description does not help a reader.
constexpr size_t max_words = 240;
constexpr size_t max_choices = 12;
constexpr uint32_t max_literal_repeats = 16;

bool
is_control(char32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

/// The text between quotation marks. Empty if it contains characters that cannot be shown.
std::string
quoted(const std::u32string &text)
{
	std::string out;
	for (const char32_t c : text)
	{
		if (is_control(c))
			return {};
		append_character(out, c);
	}
	const char mark = out.find('"') == std::string::npos ? '"' : '\'';
	return mark + out + mark;
}

std::string
shown(char32_t c)
{
	if (!is_control(c))
		return quoted(std::u32string(1, c));
	char code[16];
	std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(c));
	return code;
}

/// "a", "a or b", or "a, b or c".
std::string
joined(const std::vector<std::string> &parts, const char *last)
{
	std::string out;
	for (size_t i = 0; i < parts.size(); ++i)
	{
		if (i > 0)
			out += i + 1 < parts.size() ? ", " : std::string(" ") + last + " ";
		out += parts[i];
	}
	return out;
}

/// The members of a set as a list.
std::string
members(const CharacterSet &set)
{
	const auto is_alphanumeric = [](char32_t c)
	{ return c < 0x80 && ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')); };
	std::vector<std::string> parts(set.named.begin(), set.named.end());
	for (const auto &[first, last] : set.ranges)
		if (first == last && is_alphanumeric(first))
			parts.emplace_back(1, static_cast<char>(first));
		else if (first == last)
			parts.push_back(shown(first));
		else if (is_alphanumeric(first) && is_alphanumeric(last))
			parts.push_back(std::string(1, static_cast<char>(first)) + " to " +
							static_cast<char>(last));
		else if (last == first + 1)
		{
			parts.push_back(shown(first));
			parts.push_back(shown(last));
		}
		else
			parts.push_back(shown(first) + " to " + shown(last));
	return joined(parts, "or");
}

bool
is_set(const CharacterSet &set, std::initializer_list<std::pair<char32_t, char32_t>> ranges)
{
	return !set.negated && !set.any && set.named.empty() &&
		   std::equal(set.ranges.begin(), set.ranges.end(), ranges.begin(), ranges.end());
}

/// A noun for the members of a set.
std::string
noun(const CharacterSet &set, bool plural)
{
	const std::string s = plural ? "s" : "";
	if (set.any)
		return "character" + s + (plural ? "" : " that is not the end of a line");
	if (set.negated)
		return "character" + s + " (not " + members(set) + ")";
	if (set.ranges.empty() && set.named.size() == 1)
	{
		std::string name = set.named[0];
		if (!plural)
			name.erase(std::min(name.find(" of "), name.size()) - 1, 1);
		return name;
	}
	if (is_set(set, {{'0', '9'}}))
		return "digit" + s;
	if (is_set(set, {{'A', 'Z'}}))
		return "upper-case letter" + s + " A to Z";
	if (is_set(set, {{'a', 'z'}}))
		return "lower-case letter" + s + " a to z";
	if (is_set(set, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}))
		return "hexadecimal digit" + s;
	if (is_set(set, {{'0', '9'}, {'a', 'f'}}) || is_set(set, {{'0', '9'}, {'A', 'F'}}))
		return "hexadecimal digit" + s + " (" + members(set) + ")";
	const char *kind = set.is_within('0', '9')                 ? "digit"
					   : set.is_within('A', 'Z')               ? "upper-case letter"
					   : set.is_within('a', 'z')               ? "lower-case letter"
					   : is_set(set, {{'A', 'Z'}, {'a', 'z'}}) ? "letter"
															   : "character";
	return kind + s + " (" + members(set) + ")";
}

std::string
times(uint32_t min, uint32_t max, const std::string &one, const std::string &many)
{
	const auto number = [](uint32_t n) { return std::to_string(n); };
	if (min == max)
		return number(min) + " " + (min == 1 ? one : many);
	if (max == unlimited)
		return (min == 0   ? "any number of "
				: min == 1 ? "1 or more "
						   : "at least " + number(min) + " ") +
			   many;
	if (min == 0)
		return "at most " + number(max) + " " + (max == 1 ? one : many);
	return number(min) + " to " + number(max) + " " + many;
}

bool
once(const Item &item)
{
	return item.min == 1 && item.max == 1;
}

bool
same_set(const CharacterSet &a, const CharacterSet &b)
{
	return a.negated == b.negated && a.any == b.any && a.named == b.named && a.ranges == b.ranges;
}

/// Replaces groups that have no effect with their contents, and joins neighbours with the same set
/// of characters.
Sequence
flattened(const Sequence &sequence)
{
	Sequence out;
	const auto add = [&](const Item &item)
	{
		if (!out.empty() && item.kind == Item::Kind::characters &&
			out.back().kind == Item::Kind::characters && !item.set.is_one() &&
			same_set(out.back().set, item.set))
		{
			Item &last = out.back();
			last.min += item.min;
			last.max =
				last.max == unlimited || item.max == unlimited ? unlimited : last.max + item.max;
			return;
		}
		out.push_back(item);
	};
	for (const Item &item : sequence)
	{
		if (item.kind != Item::Kind::group || item.branches.size() != 1)
		{
			add(item);
			continue;
		}
		Sequence inner = flattened(item.branches[0]);
		if (once(item))
			for (const Item &i : inner)
				add(i);
		else if (inner.size() == 1 && once(inner[0]) && inner[0].kind != Item::Kind::number)
		{
			inner[0].min = item.min;
			inner[0].max = item.max;
			add(inner[0]);
		}
		else
		{
			Item group = item;
			group.branches[0] = std::move(inner);
			add(group);
		}
	}
	return out;
}

std::string
padded(uint32_t value, uint32_t width)
{
	std::string text = std::to_string(value);
	return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
}

/// The text that an item matches, if this is only one.
std::optional<std::u32string>
literal_of(const Item &item)
{
	if (item.kind != Item::Kind::characters || !item.set.is_one() || item.min != item.max ||
		item.min > max_literal_repeats)
		return std::nullopt;
	return std::u32string(item.min, item.set.ranges[0].first);
}

std::optional<std::u32string>
literal_of(const Sequence &sequence)
{
	std::u32string text;
	for (const Item &item : sequence)
	{
		const auto part = literal_of(item);
		if (!part)
			return std::nullopt;
		text += *part;
	}
	return text;
}

/// The parts of a sequence in words. Returns false if there are no words for it.
bool list_of(const Sequence &sequence, std::vector<std::string> &parts);

std::string
list(const Sequence &sequence)
{
	std::vector<std::string> parts;
	if (!list_of(sequence, parts) || parts.empty())
		return {};
	return joined(parts, "and") + (parts.size() > 2 ? ", in this order" : "");
}

/// "a" or "b". Empty if a branch is not a plain text.
std::string
choices(const std::vector<Sequence> &branches)
{
	std::vector<std::string> texts;
	for (const Sequence &branch : branches)
	{
		const auto text = literal_of(flattened(branch));
		if (!text || text->empty())
			return {};
		texts.push_back(quoted(*text));
		if (texts.back().empty())
			return {};
	}
	return texts.size() > max_choices ? std::string() : joined(texts, "or");
}

std::string
group_words(const Item &item)
{
	std::string inner;
	if (item.branches.size() == 1)
		inner = list(with_numbers(item.branches[0]));
	else if (inner = choices(item.branches); !inner.empty())
	{
		if (once(item))
			return "one of " + inner;
	}
	else
	{
		std::vector<std::string> branches;
		for (const Sequence &branch : item.branches)
		{
			branches.push_back(list(with_numbers(flattened(branch))));
			if (branches.back().empty())
				return {};
			if (branches.back().find(' ') != std::string::npos)
				branches.back() = "(" + branches.back() + ")";
		}
		inner = "either " + joined(branches, "or");
		if (once(item))
			return inner;
	}
	if (inner.empty())
		return {};
	if (item.min == 0 && item.max == 1)
		return "optionally (" + inner + ")";
	return times(item.min, item.max, "time", "times") + " (" + inner + ")";
}

std::string
item_words(const Item &item)
{
	switch (item.kind)
	{
	case Item::Kind::number:
		return "a number from " + padded(item.low, item.width) + " to " +
			   padded(item.high, item.width);
	case Item::Kind::group:
		return group_words(item);
	case Item::Kind::characters:
		if (item.max == 0)
			return {};
		if (item.set.is_one())
		{
			const std::string text = shown(item.set.ranges[0].first);
			return item.min == 0 && item.max == 1 ? "optionally " + text
												  : times(item.min, item.max, text, text);
		}
		return times(item.min, item.max, noun(item.set, false), noun(item.set, true));
	default:
		return {};
	}
}

bool
list_of(const Sequence &sequence, std::vector<std::string> &parts)
{
	std::u32string text;
	const auto end_text = [&]
	{
		if (text.empty())
			return true;
		parts.push_back(quoted(text));
		text.clear();
		return !parts.back().empty();
	};
	for (const Item &item : sequence)
	{
		if (const auto literal = literal_of(item))
		{
			text += *literal;
			continue;
		}
		if (!end_text())
			return false;
		parts.push_back(item_words(item));
		if (parts.back().empty())
			return false;
	}
	return end_text();
}

/// The shape of well-known forms: the digits of a date, a time or a UUID.
std::string
shape_of(const Sequence &sequence)
{
	std::string shape;
	for (const Item &item : sequence)
	{
		const auto literal = literal_of(item);
		if (literal && (*literal)[0] < 0x80 && literal->size() == 1)
			shape += static_cast<char>((*literal)[0]);
		else if (is_any_digits(item) && item.min == item.max)
			shape += "<" + std::to_string(item.min) + ">";
		else if (item.kind == Item::Kind::number && item.width == 2)
			shape += "<" + padded(item.low, 2) + padded(item.high, 2) + ">";
		else if (noun(item.set, true).rfind("hexadecimal", 0) == 0 && item.min == item.max)
			shape += (is_set(item.set, {{'0', '9'}, {'a', 'f'}})   ? "<l"
					  : is_set(item.set, {{'0', '9'}, {'A', 'F'}}) ? "<u"
																   : "<h") +
					 std::to_string(item.min) + ">";
		else
			return {};
	}
	const auto replace = [&](const std::string &from, const std::string &to)
	{
		for (size_t at; (at = shape.find(from)) != std::string::npos;)
			shape.replace(at, from.size(), to);
	};
	// these ranges hold for any date or time, so they add nothing to the description
	for (const char *part : {"<0112>", "<0131>", "<0023>", "<0059>"})
		replace(part, "<2>");
	return shape;
}

std::string
well_known(const Sequence &sequence)
{
	static const std::pair<const char *, const char *> known[] = {
		{"<4>-<2>-<2>", "a date written as YYYY-MM-DD"},
		{"<4>/<2>/<2>", "a date written as YYYY/MM/DD"},
		{"<4>-<2>", "a month written as YYYY-MM"},
		{"<2>.<2>.<4>", "a date written as DD.MM.YYYY"},
		{"<2>:<2>", "a time written as hh:mm"},
		{"<2>:<2>:<2>", "a time written as hh:mm:ss"},
		{"<4>-<2>-<2>T<2>:<2>:<2>", "a date and time written as YYYY-MM-DDThh:mm:ss"},
		{"<4>-<2>-<2>T<2>:<2>:<2>Z", "a date and time written as YYYY-MM-DDThh:mm:ssZ"},
		{"<4>-<2>-<2> <2>:<2>:<2>", "a date and time written as YYYY-MM-DD hh:mm:ss"},
		{"<h8>-<h4>-<h4>-<h4>-<h12>", "a UUID"},
		{"<l8>-<l4>-<l4>-<l4>-<l12>", "a UUID in lower case"},
		{"<u8>-<u4>-<u4>-<u4>-<u12>", "a UUID in upper case"},
	};
	const std::string shape = shape_of(sequence);
	for (const auto &[form, words] : known)
		if (shape == form)
			return words;
	return {};
}

/// A branch of the whole pattern, with its anchors taken off.
struct Branch
{
	bool begin = false, end = false;
	Sequence items;
};

bool
has_anchor(const Sequence &sequence)
{
	return std::any_of(sequence.begin(), sequence.end(),
					   [](const Item &item)
					   {
						   return item.kind == Item::Kind::begin || item.kind == Item::Kind::end ||
								  std::any_of(item.branches.begin(), item.branches.end(),
											  has_anchor);
					   });
}

bool
read_branch(const Sequence &sequence, Branch &branch)
{
	auto first = sequence.begin(), last = sequence.end();
	branch.begin = first != last && first->kind == Item::Kind::begin;
	if (branch.begin)
		++first;
	branch.end = first != last && std::prev(last)->kind == Item::Kind::end;
	if (branch.end)
		--last;
	branch.items = flattened(Sequence(first, last));
	return !has_anchor(branch.items);
}

std::string
words_of(const Branch &branch)
{
	const bool whole = branch.begin && branch.end;
	const Sequence items = with_numbers(branch.items);
	if (branch.items.empty())
		return whole ? "be empty" : "";
	if (whole)
		if (const std::string words = well_known(items); !words.empty())
			return "be " + words;
	const std::string words = list(items);
	if (words.empty())
		return {};
	const bool one = items.size() == 1 && (items[0].kind == Item::Kind::number ||
										   (items[0].kind == Item::Kind::group && once(items[0])));
	if (whole)
		return (one || literal_of(branch.items) ? "be " : "consist of ") + words;
	return (branch.begin ? "begin with " : branch.end ? "end with " : "contain ") + words;
}

} // namespace

std::string
pattern_words(std::string_view pattern)
{
	std::vector<Sequence> sequences;
	if (!pattern::parse(pattern, sequences))
		return {};
	Branch whole;
	std::string words;
	if (sequences.size() == 1)
	{
		if (!read_branch(sequences[0], whole))
			return {};
		words = words_of(whole);
	}
	else
	{
		// alternatives with the same anchors become one group between these anchors
		Item group;
		group.kind = Item::Kind::group;
		for (size_t i = 0; i < sequences.size(); ++i)
		{
			Branch branch;
			if (!read_branch(sequences[i], branch) ||
				(i > 0 && (branch.begin != whole.begin || branch.end != whole.end)))
				return {};
			whole.begin = branch.begin;
			whole.end = branch.end;
			group.branches.push_back(std::move(branch.items));
		}
		whole.items = {std::move(group)};
		words = words_of(whole);
	}
	return words.size() > max_words ? std::string() : words;
}

} // namespace etl
