#include "core/schema/pattern_parse.h"

#include <algorithm>
#include <optional>

#include "core/base/ascii.h"
#include "core/base/utf8.h"

namespace etl::pattern
{

void
CharacterSet::normalize()
{
	std::sort(ranges.begin(), ranges.end());
	std::vector<std::pair<char32_t, char32_t>> merged;
	for (const auto &range : ranges)
		if (!merged.empty() && range.first <= merged.back().second + 1)
			merged.back().second = std::max(merged.back().second, range.second);
		else
			merged.push_back(range);
	ranges = std::move(merged);
}

bool
CharacterSet::is_within(char32_t first, char32_t last) const
{
	return !negated && !any && named.empty() && !ranges.empty() && ranges.front().first >= first &&
		   ranges.back().second <= last;
}

namespace
{

constexpr int max_depth = 20;
constexpr uint32_t largest_count = 1'000'000;

/// The characters of a valid UTF-8 text.
std::u32string
decode(std::string_view text)
{
	std::u32string out;
	for (char32_t c; take_character(text, c);)
		out += c;
	return out;
}

const char *
category_noun(const std::u32string &name)
{
	static const std::pair<const char32_t *, const char *> nouns[] = {
		{U"L", "letters"},
		{U"Letter", "letters"},
		{U"Alphabetic", "letters"},
		{U"Lu", "upper-case letters"},
		{U"Uppercase_Letter", "upper-case letters"},
		{U"Ll", "lower-case letters"},
		{U"Lowercase_Letter", "lower-case letters"},
		{U"Nd", "decimal digits of any script"},
		{U"N", "numerals"},
		{U"Number", "numerals"},
		{U"P", "punctuation marks"},
		{U"Punctuation", "punctuation marks"},
		{U"M", "combining marks"},
		{U"Mark", "combining marks"},
	};
	for (const auto &[category, noun] : nouns)
		if (name == category)
			return noun;
	return nullptr;
}

class Parser
{
  public:
	explicit Parser(std::string_view pattern) : text_(decode(pattern)) {}

	bool whole(std::vector<Sequence> &branches)
	{
		return alternatives(branches, 0) && at_ == text_.size();
	}

  private:
	bool more() const { return at_ < text_.size(); }
	bool next_is(char32_t c) const { return more() && text_[at_] == c; }
	bool take(char32_t c)
	{
		if (!next_is(c))
			return false;
		++at_;
		return true;
	}

	bool alternatives(std::vector<Sequence> &branches, int depth)
	{
		if (depth > max_depth)
			return false;
		do
		{
			branches.emplace_back();
			while (more() && !next_is('|') && !next_is(')'))
				if (Item item; !term(item, depth) || !quantifier(item))
					return false;
				else
					branches.back().push_back(std::move(item));
		} while (take('|'));
		return true;
	}

	bool term(Item &item, int depth)
	{
		const char32_t c = text_[at_++];
		switch (c)
		{
		case '^':
			item.kind = Item::Kind::begin;
			return true;
		case '$':
			item.kind = Item::Kind::end;
			return true;
		case '(':
			item.kind = Item::Kind::group;
			return group_begin() && alternatives(item.branches, depth + 1) && take(')');
		case '[':
			return set(item.set);
		case '.':
			item.set.any = true;
			return true;
		case '\\':
			return escape(item.set, false);
		default: // includes "{", "}" and "]" where they have no other meaning
			item.set.ranges = {{c, c}};
			return true;
		}
	}

	/// Reads what follows an opening parenthesis. Returns false for look-around.
	bool group_begin()
	{
		if (!take('?'))
			return true;
		if (take(':'))
			return true;
		if (!take('<') || next_is('=') || next_is('!'))
			return false;
		const size_t close = text_.find('>', at_);
		if (close == std::u32string::npos)
			return false;
		at_ = close + 1;
		return true;
	}

	bool quantifier(Item &item)
	{
		const bool anchor = item.kind == Item::Kind::begin || item.kind == Item::Kind::end;
		if (take('*'))
			item.min = 0, item.max = unlimited;
		else if (take('+'))
			item.max = unlimited;
		else if (take('?'))
			item.min = 0;
		else if (!counted(item))
			return true;
		if (anchor || item.min > largest_count ||
			(item.max != unlimited && (item.max > largest_count || item.max < item.min)))
			return false;
		take('?'); // the order in which repetitions are tried does not change what matches
		return !next_is('*') && !next_is('+') && !next_is('?');
	}

	std::optional<uint32_t> digits(size_t &at) const
	{
		const size_t begin = at;
		uint64_t value = 0;
		for (; at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; ++at)
			value = std::min<uint64_t>(value * 10 + (text_[at] - '0'), unlimited);
		if (at == begin)
			return std::nullopt;
		return static_cast<uint32_t>(value);
	}

	/// Reads {n}, {n,} or {n,m}. Any other "{" stands for itself.
	bool counted(Item &item)
	{
		if (!next_is('{'))
			return false;
		size_t at = at_ + 1;
		const std::optional<uint32_t> min = digits(at);
		if (!min)
			return false;
		std::optional<uint32_t> max = min;
		if (at < text_.size() && text_[at] == ',')
		{
			++at;
			max = digits(at);
		}
		if (at >= text_.size() || text_[at] != '}')
			return false;
		item.min = *min;
		item.max = max.value_or(unlimited);
		at_ = at + 1;
		return true;
	}

	bool hexadecimal(size_t count, char32_t &value)
	{
		value = 0;
		for (size_t i = 0; i < count; ++i)
		{
			if (!more())
				return false;
			const char32_t c = text_[at_++];
			const int digit = c < 0x80 ? hex_value(static_cast<char>(c)) : -1;
			if (digit < 0)
				return false;
			value = value * 16 + static_cast<char32_t>(digit);
		}
		// half of a surrogate pair is not a character
		return value < 0xd800 || value > 0xdfff;
	}

	bool named_escape(char32_t c, CharacterSet &set)
	{
		static const std::vector<std::pair<char32_t, char32_t>> word = {
			{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
		switch (c)
		{
		case 'd':
			set.ranges.insert(set.ranges.end(), {{'0', '9'}});
			return true;
		case 'w':
			set.ranges.insert(set.ranges.end(), word.begin(), word.end());
			return true;
		case 's':
			set.named.push_back("blanks");
			return true;
		case 'p':
			break;
		default:
			return false;
		}
		const size_t close = text_.find('}', at_);
		if (!take('{') || close == std::u32string::npos)
			return false;
		const char *noun = category_noun(text_.substr(at_, close - at_));
		at_ = close + 1;
		if (noun != nullptr)
			set.named.push_back(noun);
		return noun != nullptr;
	}

	/// Reads what follows a backslash. `in_set`: inside brackets.
	bool escape(CharacterSet &set, bool in_set)
	{
		if (!more())
			return false;
		char32_t c = text_[at_++];
		if (c == 'D' || c == 'W' || c == 'S' || c == 'P')
		{
			if (in_set) // its union with other characters has no short description
				return false;
			set.negated = true;
			return named_escape(c | 0x20, set);
		}
		if (c == 'd' || c == 'w' || c == 's' || c == 'p')
			return named_escape(c, set);
		if (!character_escape(c))
			return false;
		set.ranges.emplace_back(c, c);
		return true;
	}

	/// Replaces the letter of an escape with the character that it stands for. Returns false if the
	/// escape is invalid or not covered.
	bool character_escape(char32_t &c)
	{
		switch (c)
		{
		case 't':
			c = '\t';
			return true;
		case 'n':
			c = '\n';
			return true;
		case 'r':
			c = '\r';
			return true;
		case 'x':
			return hexadecimal(2, c);
		case 'u':
			return !next_is('{') && hexadecimal(4, c);
		default: // punctuation stands for itself
			return c < 0x80 && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		}
	}

	bool set(CharacterSet &set)
	{
		set.negated = take('^');
		if (next_is(']')) // "[]" matches nothing, and "[^]" everything
			return false;
		while (!take(']'))
		{
			if (!more())
				return false;
			CharacterSet first;
			if (!set_member(first))
				return false;
			const bool range = next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
			if (range && first.is_one())
			{
				++at_;
				CharacterSet last;
				if (!set_member(last) || !last.is_one())
					return false;
				first.ranges[0].second = last.ranges[0].first;
			}
			set.ranges.insert(set.ranges.end(), first.ranges.begin(), first.ranges.end());
			set.named.insert(set.named.end(), first.named.begin(), first.named.end());
		}
		set.normalize();
		return true;
	}

	bool set_member(CharacterSet &set)
	{
		if (!more())
			return false;
		const char32_t c = text_[at_++];
		if (c == '\\')
			return escape(set, true);
		set.ranges.emplace_back(c, c);
		return true;
	}

	const std::u32string text_;
	size_t at_ = 0;
};

} // namespace

bool
parse(std::string_view pattern, std::vector<Sequence> &branches)
{
	return Parser(pattern).whole(branches);
}

} // namespace etl::pattern
