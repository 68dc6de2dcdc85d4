#include "core/records/plain_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "core/base/utf8.h"

namespace etl
{

namespace
{

int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
		   : c >= 'a' && c <= 'f' ? c - 'a' + 10
		   : c >= 'A' && c <= 'F' ? c - 'A' + 10
								  : -1;
}

/// The value of four hexadecimal digits at `at`, or -1.
int32_t
escaped_unit(std::string_view text, size_t at)
{
	if (at + 4 > text.size())
		return -1;
	int32_t value = 0;
	for (size_t k = 0; k < 4; ++k)
	{
		const int digit = hex_digit(text[at + k]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

} // namespace

std::string
without_escapes(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	for (size_t i = 0; i < text.size(); ++i)
	{
		if (text[i] != '\\' || i + 1 == text.size())
		{
			out += text[i];
			continue;
		}
		const char c = text[++i];
		const int32_t unit = c == 'u' ? escaped_unit(text, i + 1) : -1;
		if (unit > 0 && (unit < 0xd800 || unit > 0xdfff))
		{
			append_character(out, static_cast<uint32_t>(unit));
			i += 4;
			continue;
		}
		if (unit >= 0xd800 && unit < 0xdc00 && text.substr(i + 5, 2) == "\\u")
			if (const int32_t low = escaped_unit(text, i + 7); low >= 0xdc00 && low <= 0xdfff)
			{
				append_character(out, 0x10000 + (static_cast<uint32_t>(unit - 0xd800) << 10) +
										  static_cast<uint32_t>(low - 0xdc00));
				i += 10;
				continue;
			}
		// an escaped control character separates words; an escaped quote or slash stands for itself
		out += std::strchr("nrtbf", c) != nullptr ? ' ' : c;
	}
	return out;
}

std::string
without_percents(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	for (size_t i = 0; i < text.size(); ++i)
	{
		const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
		const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
		if (low < 0)
		{
			out += text[i];
			continue;
		}
		out += static_cast<char>(high << 4 | low);
		i += 2;
	}
	return out;
}

namespace
{

/// The first of the ten decimal digits of each script (general category Nd, Unicode 14).
constexpr uint32_t zeros[] = {
	0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
	0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,
	0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,
	0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0,
	0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
	0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
	0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

constexpr bool
is_between(uint32_t c, uint32_t first, uint32_t last)
{
	return c >= first && c <= last;
}

/// Zero-width characters, soft hyphens, marks of direction and variation, and the byte order mark.
bool
is_unseen(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || is_between(c, 0x200b, 0x200f) ||
		   is_between(c, 0x202a, 0x202e) || is_between(c, 0x2060, 0x206f) ||
		   is_between(c, 0xfe00, 0xfe0f) || c == 0xfeff;
}

bool
is_dash(uint32_t c)
{
	return is_between(c, 0x2010, 0x2015) || c == 0x2212 || c == 0xfe58 || c == 0xfe63;
}

/// Blanks, and punctuation and signs that separate words.
bool
is_parting(uint32_t c)
{
	return (is_between(c, 0x80, 0xbf) && c != 0xaa && c != 0xb5 && c != 0xba) || c == 0xd7 ||
		   c == 0xf7 || c == 0x1680 || is_between(c, 0x2000, 0x205f) ||
		   is_between(c, 0x20a0, 0x20cf) || is_between(c, 0x2190, 0x23ff) ||
		   is_between(c, 0x2500, 0x27bf) || c == 0x2116 || is_between(c, 0x3000, 0x3004) ||
		   is_between(c, 0x3008, 0x3020) || c == 0x30fb || is_between(c, 0xff5f, 0xff65);
}

uint32_t
plain(uint32_t c)
{
	// full-width ASCII with its digits
	if (is_between(c, 0xff01, 0xff5e))
		return c - 0xff01 + '!';
	const uint32_t *const after = std::upper_bound(std::begin(zeros), std::end(zeros), c);
	if (after != std::begin(zeros) && c - after[-1] < 10)
		return '0' + (c - after[-1]);
	return is_dash(c) ? '-' : is_parting(c) ? ' ' : c;
}

} // namespace

std::string
plain_characters(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	while (!text.empty())
	{
		const std::string_view before = text;
		char32_t c;
		if (!take_character(text, c))
		{
			out += text[0];
			text.remove_prefix(1);
			continue;
		}
		const std::string_view character = before.substr(0, before.size() - text.size());
		if (character.size() == 1)
			out += character;
		else if (!is_unseen(c))
		{
			if (const uint32_t p = plain(c); p != c)
				out += static_cast<char>(p);
			else
				out += character;
		}
	}
	return out;
}

} // namespace etl
