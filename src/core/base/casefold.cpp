#include "core/base/casefold.h"

#include <cstdint>
#include <iterator>
#include <unordered_map>

#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "core/base/utf8.h"

namespace etl
{

namespace
{

/// Maps a character to all characters whose folding begins with it. Characters to which only they
/// themselves fold are left out.
const std::unordered_map<char32_t, std::vector<char32_t>> &
foldings()
{
	static const std::unordered_map<char32_t, std::vector<char32_t>> instance = []
	{
		std::unordered_map<char32_t, std::vector<char32_t>> by_first;
		for (char32_t c = 1; c <= 0x10ffff; ++c)
			if (u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CHANGES_WHEN_CASEFOLDED))
				by_first[fold_character(c)[0]].push_back(c);
		for (auto &[first, characters] : by_first)
			if (fold_character(first) == std::u32string(1, first))
				characters.push_back(first);
		return by_first;
	}();
	return instance;
}

bool
is_trimmed(char32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || c == 0x180e ||
		   (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) || c == 0x205f ||
		   c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

} // namespace

std::u32string
fold_character(char32_t c)
{
	UChar source[U16_MAX_LENGTH], folded[3 * U16_MAX_LENGTH];
	int32_t size = 0;
	U16_APPEND_UNSAFE(source, size, static_cast<UChar32>(c));
	UErrorCode error = U_ZERO_ERROR;
	const int32_t length = u_strFoldCase(folded, static_cast<int32_t>(std::size(folded)), source,
										 size, U_FOLD_CASE_DEFAULT, &error);
	std::u32string out;
	for (int32_t at = 0; U_SUCCESS(error) && at < length;)
	{
		UChar32 next;
		U16_NEXT(folded, at, length, next);
		out += static_cast<char32_t>(next);
	}
	return out.empty() ? std::u32string(1, c) : out;
}

std::string
fold_case(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	while (!text.empty())
	{
		const unsigned char first = static_cast<unsigned char>(text[0]);
		char32_t c;
		if (first < 0x80)
		{
			out += static_cast<char>(first >= 'A' && first <= 'Z' ? first + 32 : first);
			text.remove_prefix(1);
		}
		else if (take_character(text, c))
			for (const char32_t folded : fold_character(c))
				append_character(out, folded);
		else
		{
			out += text[0];
			text.remove_prefix(1);
		}
	}
	return out;
}

const std::vector<char32_t> &
characters_folding_to(char32_t first)
{
	static const std::vector<char32_t> none;
	const auto found = foldings().find(first);
	return found == foldings().end() ? none : found->second;
}

std::string_view
trim_unicode(std::string_view text)
{
	char32_t c;
	for (std::string_view rest = text; take_character(rest, c) && is_trimmed(c);)
		text = rest;
	while (!text.empty())
	{
		size_t at = text.size() - 1;
		while (at > 0 && text.size() - at < 4 && is_continuation(text[at]))
			--at;
		std::string_view last = text.substr(at);
		if (!take_character(last, c) || !last.empty() || !is_trimmed(c))
			break;
		text.remove_suffix(text.size() - at);
	}
	return text;
}

} // namespace etl
