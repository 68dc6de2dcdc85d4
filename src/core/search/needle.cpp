#include "core/search/needle.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>

#include <unicode/uchar.h>

#include "core/base/ascii.h"
#include "core/base/casefold.h"
#include "core/base/utf8.h"

namespace etl
{

namespace
{

/// Largest number of backslashes before an escape: JSON in JSON in JSON has four.
constexpr int max_backslashes = 4;

/// Characters that lower(upper()) makes equal but case folding does not: i, I, İ and ı.
const std::vector<char32_t> &
other_case(char32_t c)
{
	static const std::map<char32_t, std::vector<char32_t>> instance = []
	{
		const auto simple = [](char32_t character)
		{ return static_cast<char32_t>(u_tolower(u_toupper(static_cast<UChar32>(character)))); };
		std::map<char32_t, std::vector<char32_t>> groups, others;
		for (char32_t character = 1; character <= 0x10ffff; ++character)
			if (u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_CASED))
				groups[simple(character)].push_back(character);
		for (const auto &[lower, group] : groups)
			for (const char32_t one : group)
				for (const char32_t other : group)
					if (fold_character(one) != fold_character(other))
						others[one].push_back(other);
		return others;
	}();
	static const std::vector<char32_t> none;
	const auto found = instance.find(c);
	return found == instance.end() ? none : found->second;
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

/// Reads the four digits XXXX of \uXXXX.
bool
hex4(const char *at, const char *end, char32_t &value)
{
	if (end - at < 4)
		return false;
	value = 0;
	for (int i = 0; i < 4; ++i)
	{
		const int digit = hex_value(at[i]);
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

/// Reads the escape at a backslash. Returns the position after it, or null.
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

Needle::Spelling
Needle::fold(std::string_view text)
{
	std::u32string folded;
	std::string bytes; // indexed like `folded`; the byte where `folded` is not_utf8
	while (!text.empty())
	{
		char32_t c;
		const char byte = text[0];
		if (take_character(text, c))
			folded += fold_character(c);
		else
		{
			folded += not_utf8;
			text.remove_prefix(1);
		}
		bytes.resize(folded.size(), byte);
	}
	Spelling spelling(folded.size());
	for (size_t at = 0; at < folded.size(); ++at)
	{
		if (folded[at] == not_utf8)
		{
			spelling[at].push_back({not_utf8, std::string(1, bytes[at]), 1});
			continue;
		}
		const auto add = [&](char32_t c, size_t units)
		{
			if (std::any_of(spelling[at].begin(), spelling[at].end(),
							[&](const Form &form) { return form.character == c; }))
				return;
			Form &form = spelling[at].emplace_back(Form{c, {}, units});
			append_character(form.encoded, c);
		};
		add(folded[at], 1);
		for (const char32_t c : characters_folding_to(folded[at]))
			if (const std::u32string whole = fold_character(c);
				c != folded[at] && folded.compare(at, whole.size(), whole) == 0)
				add(c, whole.size());
		for (const char32_t c : other_case(folded[at]))
			add(c, 1);
	}
	return spelling;
}

Needle::Needle(const std::vector<std::string> &spellings)
{
	for (const std::string &text : spellings)
	{
		Spelling spelling = fold(text);
		if (spelling.empty())
			continue;
		// the longest form of a character is a surrogate pair in escapes
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
	for (const Form &form : spelling[0])
	{
		const unsigned char first = static_cast<unsigned char>(form.encoded[0]);
		if (form.encoded.size() > 1)
			note(first, static_cast<unsigned char>(form.encoded[1]));
		else if (form.units == spelling.size())
			for (unsigned second = 0; second < 256; ++second)
				note(first, static_cast<unsigned char>(second));
		else
		{
			for (const Form &next : spelling[form.units])
				note(first, static_cast<unsigned char>(next.encoded[0]));
			note(first, '\\');
		}
	}
	for (const char second : std::string_view("\\ubfnrt/\""))
		note('\\', static_cast<unsigned char>(second));
}

const char *
Needle::match(const Spelling &spelling, size_t unit, const char *at, const char *end)
{
	while (unit < spelling.size())
	{
		if (at == end)
			return nullptr;
		const Unit &wanted = spelling[unit];
		const Form *found = nullptr;
		if (*at == '\\')
		{
			// a backslash may be written once, escaped, or escaped twice
			if (wanted.size() == 1 && wanted[0].encoded == "\\")
			{
				for (const std::ptrdiff_t size : {4, 2, 1})
					if (end - at >= size &&
						std::all_of(at, at + size, [](char c) { return c == '\\'; }))
						if (const char *rest = match(spelling, unit + 1, at + size, end))
							return rest;
				return nullptr;
			}
			char32_t c;
			at = read_escape(at, end, c);
			if (at == nullptr)
				return nullptr;
			for (const Form &form : wanted)
				if (form.character == c)
					found = &form;
		}
		else
		{
			// UTF-8 of one character is never the beginning of another's, so at most one form
			// matches
			for (const Form &form : wanted)
				if (static_cast<size_t>(end - at) >= form.encoded.size() &&
					memcmp(at, form.encoded.data(), form.encoded.size()) == 0)
					found = &form;
			if (found != nullptr)
				at += found->encoded.size();
		}
		if (found == nullptr)
			return nullptr;
		unit += found->units;
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
	// a match that begins later may end in the next part
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
