// The formats of draft-07 (validation, section 7.3), which `format` asserts.
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

/// Whether the text, which must be valid UTF-8, has the format.
///
/// idn-hostname follows IDNA 2008, with the exception of what needs Unicode's normalization tables:
/// the code points are checked by general category and by the exceptions and contextual rules of
/// RFC 5892.
bool has_format(Format format, std::string_view text);

} // namespace etl
