// Generalizes values: to the year of a date, the range of a number, the district of a postcode, or
// the network of an address. All functions take text, and return nothing if it is not of the
// expected kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/definition/definition.h"

namespace etl
{

/// The first day of the month, year or decade of the date, as PostgreSQL's date_trunc() computes
/// it, e.g. "1980-01-01". Accepts dates and timestamps as PostgreSQL prints them in ISO style,
/// including years after 9999, BC and infinity. The time of day is dropped.
std::optional<std::string> first_day(Generalization to, std::string_view date);

/// The month, year or decade of the date in a short form: "1985-06", "1985", "1980s".
std::optional<std::string> period_name(Generalization to, std::string_view date);

/// Two neighbouring multiples of a step with a number between them: lower <= number < upper.
struct NumberRange
{
	std::string lower, upper;
};
/// `step` is a decimal number greater than 0 (see core/definition/range_step.h).
std::optional<NumberRange> range_of(std::string_view number, std::string_view step);

/// The district of a postcode. For the United Kingdom its outward part ("SW1A 1AA" and "sw1a1aa"
/// give "SW1A"). For other countries the first part, which names an area: Ireland's routing key,
/// Canada's forward sortation area, three of five or six digits, two of four digits, or the part
/// before a blank or hyphen.
std::optional<std::string> outward_part(std::string_view postcode);

/// The network of an IP address: "192.0.2.0/24", "2001:db8:1::/48". The address may have a prefix
/// length, a zone, and brackets around it. A prefix length that is shorter than `ipv4_bits` or
/// `ipv6_bits` is kept.
std::optional<std::string> network_of(std::string_view address, int ipv4_bits, int ipv6_bits);

} // namespace etl
