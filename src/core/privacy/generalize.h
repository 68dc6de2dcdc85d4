// Values made coarser: a date's year, a number's range, a postcode's district, an address's
// network. Everything here works on text and gives nullopt for text of another kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/definition/definition.h"

namespace etl
{

/// The first day of the date's month, year or decade as PostgreSQL's date_trunc() has it,
/// "1980-01-01". Takes what PostgreSQL prints for dates and timestamps in ISO style, years past
/// 9999, BC and infinity included; the time of day is dropped.
std::optional<std::string> first_day(Generalization to, std::string_view date);

/// The same for people: "1985-06", "1985", "1980s".
std::optional<std::string> period_name(Generalization to, std::string_view date);

/// The multiples of step between which a number lies: lower <= number < upper.
struct NumberRange
{
	std::string lower, upper;
};
/// step: a decimal greater than 0 (see core/definition/range_step.h).
std::optional<NumberRange> range_of(std::string_view number, std::string_view step);

/// The district of a postcode. United Kingdom: its outward part ("SW1A 1AA" and "sw1a1aa" give
/// "SW1A"). Elsewhere the leading part that names an area: Ireland's routing key, Canada's forward
/// sortation area, three of five or six digits, two of four, what comes before a blank or hyphen.
std::optional<std::string> outward_part(std::string_view postcode);

/// The network of an IP address: "192.0.2.0/24", "2001:db8:1::/48". Takes a prefix length, a zone
/// and brackets after and around the address; one that came with a shorter prefix keeps it.
std::optional<std::string> network_of(std::string_view address, int ipv4_bits, int ipv6_bits);

} // namespace etl
