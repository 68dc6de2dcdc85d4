#include "core/casefold.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "core/casefold_table.h"

namespace etl
{

namespace
{

/// The character at the beginning of text, and its length in bytes; length 1 and U+FFFD when the
/// bytes are no UTF-8.
char32_t
decode(std::string_view text, size_t &length)
{
	const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
	const unsigned char c = byte(0);
	length = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
	bool valid = length > 0 && length <= text.size() && c < 0xf5;
	char32_t out = length == 1 ? c : length == 2 ? c & 0x1f : length == 3 ? c & 0x0f : c & 0x07;
	for (size_t i = 1; valid && i < length; ++i)
	{
		valid = (byte(i) & 0xc0) == 0x80;
		out = out << 6 | (byte(i) & 0x3f);
	}
	if (valid)
		return out;
	length = 1;
	return 0xfffd;
}

void
encode(std::string &out, char32_t c)
{
	if (c < 0x80)
		out += static_cast<char>(c);
	else if (c < 0x800)
	{
		out += static_cast<char>(0xc0 | c >> 6);
		out += static_cast<char>(0x80 | (c & 0x3f));
	}
	else if (c < 0x10000)
	{
		out += static_cast<char>(0xe0 | c >> 12);
		out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
		out += static_cast<char>(0x80 | (c & 0x3f));
	}
	else
	{
		out += static_cast<char>(0xf0 | c >> 18);
		out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
		out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
		out += static_cast<char>(0x80 | (c & 0x3f));
	}
}

bool
is_blank(char32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || c == 0x180e ||
		   (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) || c == 0x205f ||
		   c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

} // namespace

std::string
fold_case(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	while (!text.empty())
	{
		const unsigned char first = static_cast<unsigned char>(text[0]);
		if (first < 0x80)
		{
			out += static_cast<char>(first >= 'A' && first <= 'Z' ? first + 32 : first);
			text.remove_prefix(1);
			continue;
		}
		size_t length;
		const char32_t c = decode(text, length);
		const FoldToMany *many =
			std::lower_bound(std::begin(fold_to_many), std::end(fold_to_many), c,
							 [](const FoldToMany &entry, char32_t v) { return entry.from < v; });
		const FoldRange *range =
			std::lower_bound(std::begin(fold_ranges), std::end(fold_ranges), c,
							 [](const FoldRange &entry, char32_t v) { return entry.last < v; });
		if (length > 1 && many != std::end(fold_to_many) && many->from == c)
			out += many->to;
		else if (length > 1 && range != std::end(fold_ranges) && c >= range->first &&
				 (c - range->first) % range->stride == 0)
			encode(out, static_cast<char32_t>(static_cast<int32_t>(c) + range->delta));
		else
			out.append(text, 0, length);
		text.remove_prefix(length);
	}
	return out;
}

std::string_view
trim_unicode(std::string_view text)
{
	while (!text.empty())
	{
		size_t length;
		if (!is_blank(decode(text, length)))
			break;
		text.remove_prefix(length);
	}
	while (!text.empty())
	{
		size_t at = text.size() - 1;
		while (at > 0 && text.size() - at < 4 &&
			   (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
			--at;
		size_t length;
		if (!is_blank(decode(text.substr(at), length)) || at + length != text.size())
			break;
		text.remove_suffix(length);
	}
	return text;
}

} // namespace etl
