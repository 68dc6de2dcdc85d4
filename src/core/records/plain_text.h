// Text in the form in which a person reads it. An identifier in a text may be escaped, may have
// digits of another script, or may contain blanks other than spaces.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Decodes JSON escapes (RFC 8259, section 7) once, as far as they can be recognised in a text that
/// may not be JSON. Lone surrogates are not changed.
std::string without_escapes(std::string_view text);

/// Decodes percent-encoding (RFC 3986, section 2.1).
std::string without_percents(std::string_view text);

/// Replaces decimal digits of every script and full-width characters with ASCII, dashes with
/// hyphens, and blanks and punctuation of every kind with spaces. Removes invisible characters.
std::string plain_characters(std::string_view text);

/// Calls found(reading) until it returns true, and returns whether it did. The readings are the
/// text as it is and with escapes decoded up to three times (JSON in a JSON string in a text that
/// is not JSON), each also with plain characters, and finally with percent-encoding decoded.
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
