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
/// idn-hostname is IDNA 2008 but for what needs Unicode's normalization tables: the code points
/// allowed are judged by general category and RFC 5892's exceptions and contextual rules.
bool has_format(Format format, std::string_view text);

} // namespace etl
