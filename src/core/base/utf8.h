// UTF-8 (RFC 3629), by ICU's macros.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace etl
{

/// Takes one character off the text's beginning. False, and nothing is taken, where the text is
/// empty or does not begin with a character: overlong forms, surrogates and what lies beyond
/// U+10FFFF are none.
bool take_character(std::string_view &text, char32_t &c);

/// Appends a character, which must not be a surrogate.
void append_character(std::string &out, char32_t c);

/// How many characters a valid text has.
size_t count_characters(std::string_view text);

/// A record's text as PostgreSQL's text can hold it: invalid UTF-8 and NUL become U+FFFD.
std::string storable_text(std::string_view bytes);

} // namespace etl
