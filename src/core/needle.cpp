#include "core/needle.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>

#include <locale.h>
#include <wctype.h>

namespace etl
{

namespace
{

/// At most this many backslashes before an escape: JSON in JSON in JSON has four.
constexpr int max_backslashes = 4;

void
append_utf8(std::string &out, char32_t c)
{
	if (c < 0x80)
		out += static_cast<char>(c);
	else if (c < 0x800)
	{
		out += static_cast<char>(0xC0 | c >> 6);
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
	else if (c < 0x10000)
	{
		out += static_cast<char>(0xE0 | c >> 12);
		out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
	else
	{
		out += static_cast<char>(0xF0 | c >> 18);
		out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
		out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
		out += static_cast<char>(0x80 | (c & 0x3F));
	}
}

/// Takes one character off text; false where it is no UTF-8 (nothing is taken).
bool
take_character(std::string_view &text, char32_t &c)
{
	const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
	const unsigned first = byte(0);
	const size_t size = first < 0x80   ? 1
						: first < 0xC2 ? 0
						: first < 0xE0 ? 2
						: first < 0xF0 ? 3
						: first < 0xF5 ? 4
									   : 0;
	if (size == 0 || size > text.size())
		return false;
	c = size == 1 ? first : first & (0xFFu >> (size + 1));
	for (size_t i = 1; i < size; ++i)
	{
		if ((byte(i) & 0xC0) != 0x80)
			return false;
		c = c << 6 | (byte(i) & 0x3F);
	}
	text.remove_prefix(size);
	return true;
}

/// Characters by what they become when they are folded.
struct Folding
{
	std::map<char32_t, std::vector<char32_t>> groups;
	locale_t locale;

	Folding() : locale(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr))
	{
		// every letter with case lies below U+20000
		for (char32_t c = 'A'; c < 0x20000; ++c)
			if (const char32_t folded = fold(c); folded != c)
				groups[folded].push_back(c);
	}
	/// Upper case first: ς and σ, ſ and s differ in lower case only.
	char32_t fold(char32_t c) const
	{
		if (locale != static_cast<locale_t>(nullptr))
			return static_cast<char32_t>(
				towlower_l(towupper_l(static_cast<wint_t>(c), locale), locale));
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	}
	std::vector<char32_t> variants(char32_t c) const
	{
		const char32_t folded = fold(c);
		std::vector<char32_t> all{folded};
		if (const auto found = groups.find(folded); found != groups.end())
			all.insert(all.end(), found->second.begin(), found->second.end());
		if (std::find(all.begin(), all.end(), c) == all.end())
			all.push_back(c);
		return all;
	}
};

const Folding &
folding()
{
	static const Folding instance;
	return instance;
}

/// The character that a two-character escape stands for, or 0.
char32_t
short_escape(char letter)
{
	switch (letter)
	{
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '/':
	case '"':
		return static_cast<char32_t>(letter);
	default:
		return 0;
	}
}

/// Reads the XXXX of \uXXXX.
bool
hex4(const char *at, const char *end, char32_t &value)
{
	if (end - at < 4)
		return false;
	value = 0;
	for (int i = 0; i < 4; ++i)
	{
		const char c = at[i];
		const int digit = c >= '0' && c <= '9'   ? c - '0'
						  : c >= 'a' && c <= 'f' ? c - 'a' + 10
						  : c >= 'A' && c <= 'F' ? c - 'A' + 10
												 : -1;
		if (digit < 0)
			return false;
		value = value << 4 | static_cast<char32_t>(digit);
	}
	return true;
}

/// Skips a run of backslashes.
const char *
skip_backslashes(const char *at, const char *end)
{
	const char *start = at;
	while (at < end && *at == '\\' && at - start < max_backslashes)
		++at;
	return at;
}

/// Reads one escape at a backslash; returns what follows it, or null.
const char *
read_escape(const char *at, const char *end, char32_t &c)
{
	at = skip_backslashes(at, end);
	if (at == end)
		return nullptr;
	if (*at != 'u')
	{
		c = short_escape(*at);
		return c != 0 ? at + 1 : nullptr;
	}
	if (!hex4(at + 1, end, c))
		return nullptr;
	at += 5;
	if (c < 0xD800 || c > 0xDBFF)
		return at;
	const char *second = skip_backslashes(at, end);
	char32_t low;
	if (second == at || second == end || *second != 'u' || !hex4(second + 1, end, low) ||
		low < 0xDC00 || low > 0xDFFF)
		return nullptr;
	c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	return second + 5;
}

} // namespace

bool
Needle::folds_unicode()
{
	return folding().locale != static_cast<locale_t>(nullptr);
}

Needle::Needle(const std::vector<std::string> &spellings)
{
	for (const std::string &text : spellings)
	{
		Spelling spelling;
		for (std::string_view rest = text; !rest.empty();)
		{
			Unit unit;
			char32_t c;
			if (take_character(rest, c))
			{
				unit.characters = folding().variants(c);
				for (const char32_t variant : unit.characters)
					append_utf8(unit.encoded.emplace_back(), variant);
			}
			else
			{
				unit.encoded.emplace_back(rest.substr(0, 1));
				rest.remove_prefix(1);
			}
			spelling.push_back(std::move(unit));
		}
		if (spelling.empty())
			continue;
		// the longest form of a character: a surrogate pair in escapes
		longest_ = std::max(longest_, spelling.size() * 2 * (max_backslashes + 5));
		note_beginnings(spelling);
		spellings_.push_back(std::move(spelling));
	}
}

void
Needle::note_beginnings(const Spelling &spelling)
{
	const auto note = [&](unsigned char first, unsigned char second)
	{ beginnings_.set(first | static_cast<unsigned>(second) << 8); };
	for (const std::string &encoded : spelling[0].encoded)
	{
		const unsigned char first = static_cast<unsigned char>(encoded[0]);
		if (encoded.size() > 1)
			note(first, static_cast<unsigned char>(encoded[1]));
		else if (spelling.size() == 1)
			for (unsigned second = 0; second < 256; ++second)
				note(first, static_cast<unsigned char>(second));
		else
		{
			for (const std::string &next : spelling[1].encoded)
				note(first, static_cast<unsigned char>(next[0]));
			note(first, '\\');
		}
	}
	for (const char second : std::string_view("\\ubfnrt/\""))
		note('\\', static_cast<unsigned char>(second));
}

const char *
Needle::match(const Spelling &spelling, size_t unit, const char *at, const char *end)
{
	for (; unit < spelling.size(); ++unit)
	{
		if (at == end)
			return nullptr;
		const Unit &wanted = spelling[unit];
		if (*at == '\\')
		{
			// a backslash itself, written once, escaped, or escaped twice
			if (wanted.encoded.size() == 1 && wanted.encoded[0] == "\\")
			{
				for (const std::ptrdiff_t size : {4, 2, 1})
					if (end - at >= size &&
						std::all_of(at, at + size, [](char c) { return c == '\\'; }))
						if (const char *rest = match(spelling, unit + 1, at + size, end))
							return rest;
				return nullptr;
			}
			char32_t c;
			const char *rest = read_escape(at, end, c);
			if (rest == nullptr || std::find(wanted.characters.begin(), wanted.characters.end(),
											 c) == wanted.characters.end())
				return nullptr;
			at = rest;
			continue;
		}
		bool same = false;
		for (const std::string &encoded : wanted.encoded)
			if (static_cast<size_t>(end - at) >= encoded.size() &&
				memcmp(at, encoded.data(), encoded.size()) == 0)
			{
				at += encoded.size();
				same = true;
				break;
			}
		if (!same)
			return nullptr;
	}
	return at;
}

Needle::Match
Needle::find(std::string_view bytes, size_t from) const
{
	const char *const begin = bytes.data(), *const end = begin + bytes.size();
	if (bytes.size() < 2)
		return {npos, 0};
	for (const char *at = begin + std::min(from, bytes.size()); end - at >= 2; ++at)
	{
		const unsigned pair = static_cast<unsigned char>(at[0]) |
							  static_cast<unsigned>(static_cast<unsigned char>(at[1])) << 8;
		if (!beginnings_[pair])
			continue;
		for (const Spelling &spelling : spellings_)
			if (const char *rest = match(spelling, 0, at, end))
				return {static_cast<size_t>(at - begin), static_cast<size_t>(rest - at)};
	}
	return {npos, 0};
}

uint64_t
Needle::count(std::string_view bytes) const
{
	uint64_t n = 0;
	for (Match m = find(bytes); m.offset != npos; m = find(bytes, m.offset + m.length))
		++n;
	return n;
}

void
NeedleStream::feed(std::string_view bytes)
{
	held_ += bytes;
	scan(false);
}

uint64_t
NeedleStream::finish()
{
	scan(true);
	const uint64_t n = count_;
	held_.clear();
	next_ = 0;
	count_ = 0;
	return n;
}

void
NeedleStream::scan(bool last)
{
	// a match that begins later may end in the next piece
	const size_t limit = last                                ? held_.size()
						 : held_.size() >= needle_.longest() ? held_.size() - needle_.longest()
															 : 0;
	while (next_ < limit)
	{
		const Needle::Match m = needle_.find(held_, next_);
		if (m.offset == Needle::npos || m.offset >= limit)
			break;
		++count_;
		next_ = m.offset + m.length;
	}
	next_ = std::max(next_, limit);
	held_.erase(0, next_);
	next_ = 0;
}

} // namespace etl
