// UTF-8 (RFC 3629), implemented with ICU's macros.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace etl
{

/// Removes one character from the beginning of the text and stores it in `c`. Returns false and
/// removes nothing if the text is empty or does not begin with a character. Overlong forms,
/// surrogates and numbers above U+10FFFF are not characters.
bool take_character(std::string_view &text, char32_t &c);

/// Appends a character, which must not be a surrogate.
void append_character(std::string &out, char32_t c);

/// Whether a byte is one of a character's bytes after the first.
constexpr bool
is_continuation(char byte)
{
	return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The number of characters of a text that is valid UTF-8.
size_t count_characters(std::string_view text);

/// The text of a record in a form that PostgreSQL's type text can store: invalid UTF-8 and NUL are
/// replaced with U+FFFD.
std::string storable_text(std::string_view bytes);

} // namespace etl
