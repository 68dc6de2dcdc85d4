// Classes of ASCII characters, independent of the locale.
#pragma once

#include <cstddef>
#include <string_view>

namespace etl
{

/// White space of JSON (RFC 8259, section 2) without the line feed, which separates records.
constexpr bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}
constexpr bool
is_space(char c)
{
	return is_blank(c) || c == '\n';
}

constexpr bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}
constexpr bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// The value of a hexadecimal digit in either case, or -1.
constexpr int
hex_value(char c)
{
	const char lower = static_cast<char>(c | 0x20);
	return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
inline constexpr char hex_digits[] = "0123456789abcdef";

/// The text without the white space at both ends that PostgreSQL's input functions skip (isspace()
/// in the C locale).
constexpr std::string_view
trim_ascii(std::string_view text)
{
	constexpr std::string_view blanks = " \t\n\r\f\v";
	const size_t begin = text.find_first_not_of(blanks);
	if (begin == std::string_view::npos)
		return {};
	return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

} // namespace etl
