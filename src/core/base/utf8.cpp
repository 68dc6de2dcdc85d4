#include "core/base/utf8.h"

#include <algorithm>
#include <cstdint>

#include <unicode/utf8.h>

namespace etl
{

bool
take_character(std::string_view &text, char32_t &c)
{
	if (text.empty())
		return false;
	const unsigned char first = static_cast<unsigned char>(text[0]);
	if (first < 0x80)
	{
		c = first;
		text.remove_prefix(1);
		return true;
	}
	// A character has at most 4 bytes, so the size of a long text need not fit in int32_t.
	const auto *const bytes = reinterpret_cast<const uint8_t *>(text.data());
	const int32_t size = static_cast<int32_t>(std::min<size_t>(text.size(), U8_MAX_LENGTH));
	int32_t at = 0;
	UChar32 taken;
	U8_NEXT(bytes, at, size, taken);
	if (taken < 0)
		return false;
	c = static_cast<char32_t>(taken);
	text.remove_prefix(static_cast<size_t>(at));
	return true;
}

void
append_character(std::string &out, char32_t c)
{
	uint8_t bytes[U8_MAX_LENGTH];
	int32_t size = 0;
	U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(c));
	out.append(reinterpret_cast<const char *>(bytes), static_cast<size_t>(size));
}

size_t
count_characters(std::string_view text)
{
	return static_cast<size_t>(
		std::count_if(text.begin(), text.end(),
					  [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string
storable_text(std::string_view bytes)
{
	std::string out;
	while (!bytes.empty())
	{
		const std::string_view before = bytes;
		char32_t c;
		if (take_character(bytes, c) && c != 0)
		{
			out.append(before, 0, before.size() - bytes.size());
			continue;
		}
		out += "\xef\xbf\xbd";
		bytes = before.substr(1);
	}
	return out;
}

} // namespace etl
