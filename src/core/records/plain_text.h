// Text as a person reads it: in which an identifier may stand escaped, with digits of another
// script or with blanks that are no spaces.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// JSON's escapes (RFC 8259 section 7) undone once, as far as they can be told in a text that may
/// be no JSON; lone surrogates are left alone.
std::string without_escapes(std::string_view text);

/// Percent-encoding (RFC 3986 section 2.1) undone.
std::string without_percents(std::string_view text);

/// Decimal digits of every script and full-width characters as ASCII has them, dashes as hyphens,
/// blanks and punctuation of every kind as spaces; characters that nobody sees are left out.
std::string plain_characters(std::string_view text);

/// Calls found(reading) for the text as it is and for what it becomes when escapes are undone
/// (thrice: JSON inside a JSON string inside a text that is no JSON), characters made plain and
/// percents decoded, until it returns true; returns that.
template <typename Found>
bool
any_reading(std::string_view text, Found &&found)
{
	const auto has_others = [](std::string_view t)
	{
		for (const char c : t)
			if (static_cast<unsigned char>(c) >= 0x80)
				return true;
		return false;
	};
	std::string unescaped;
	for (int level = 0;; ++level)
	{
		if (found(text) || (has_others(text) && found(plain_characters(text))))
			return true;
		if (level == 3 || text.find('\\') == std::string_view::npos)
			break;
		unescaped = without_escapes(text);
		text = unescaped;
	}
	if (text.find('%') == std::string_view::npos)
		return false;
	return found(plain_characters(without_percents(text)));
}

} // namespace etl
