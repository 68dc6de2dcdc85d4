// The formats of draft-07 (validation, section 7.3), where `format` is asserted.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl
{

enum class Format : uint8_t
{
	date_time,
	date,
	time,
	email,
	idn_email,
	hostname,
	idn_hostname,
	ipv4,
	ipv6,
	uri,
	uri_reference,
	iri,
	iri_reference,
	uri_template,
	json_pointer,
	relative_json_pointer,
	regex
};

std::optional<Format> format_by_name(std::string_view name);
const char *format_name(Format format);

/// Has the (valid UTF-8) text that format?
///
/// idn-hostname is IDNA 2008 but for what needs Unicode's normalisation tables: the code points
/// allowed are judged by general category and RFC 5892's exceptions and contextual rules.
bool has_format(Format format, std::string_view text);

namespace format_detail
{
bool is_ipv4(std::string_view s);
bool is_ipv6(std::string_view s);
bool is_hostname(std::string_view s);
bool is_idn_hostname(std::string_view s);
/// RFC 3986, or RFC 3987 with international; needs_scheme: no relative reference.
bool is_uri(std::string_view s, bool international, bool needs_scheme);
bool is_uri_template(std::string_view s);

inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}
inline bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
/// Decodes the UTF-8 character at s[at] and moves on.
char32_t next_character(std::string_view s, size_t &at);
} // namespace format_detail

} // namespace etl
