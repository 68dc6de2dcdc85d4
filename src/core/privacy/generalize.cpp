#include "core/privacy/generalize.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>

#include "core/base/ascii.h"
#include "core/definition/range_step.h"
#include "core/json/decimal.h"

namespace etl
{

namespace
{

struct Day
{
	int64_t year = 0; ///< 0 is 1 BC
	int month = 0;
	std::string_view infinite; ///< "infinity" or "-infinity"; else empty
};

bool
read_two(std::string_view s, size_t at, int &value)
{
	if (at + 2 > s.size() || !is_digit(s[at]) || !is_digit(s[at + 1]))
		return false;
	value = (s[at] - '0') * 10 + (s[at + 1] - '0');
	return true;
}

/// Reads year and month of an ISO date. The rest is only checked for the characters of a date or
/// time.
std::optional<Day>
read_day(std::string_view text)
{
	std::string_view s = trim_ascii(text);
	Day day;
	if (s == "infinity" || s == "-infinity")
	{
		day.infinite = s;
		return day;
	}
	const bool before = s.size() > 3 && s.substr(s.size() - 3) == " BC";
	if (before)
		s.remove_suffix(3);
	size_t digits = 0;
	while (digits < s.size() && is_digit(s[digits]))
		++digits;
	int number = 0;
	// the last year in PostgreSQL is 5874897
	if (digits < 4 || digits > 7 || digits >= s.size() || s[digits] != '-')
		return std::nullopt;
	std::from_chars(s.data(), s.data() + digits, day.year);
	s.remove_prefix(digits + 1);
	if (!read_two(s, 0, day.month) || day.month < 1 || day.month > 12 || s.size() < 5 ||
		s[2] != '-' || !read_two(s, 3, number) || number < 1 || number > 31)
		return std::nullopt;
	s.remove_prefix(5);
	if (!s.empty() && s.find_first_not_of("0123456789:.+-TtZz ") != std::string_view::npos)
		return std::nullopt;
	if (!s.empty() && s[0] != 'T' && s[0] != 't' && s[0] != ' ')
		return std::nullopt;
	if (day.year == 0)
		return std::nullopt;
	if (before)
		day.year = 1 - day.year;
	return day;
}

/// Decades as in timestamp_trunc() of PostgreSQL: 1990 to 1999; before our era 0010 BC …
int64_t
decade_of(int64_t year)
{
	return year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10 * 10);
}

std::string
padded(int64_t value, int width)
{
	char buffer[24];
	std::snprintf(buffer, sizeof buffer, "%0*lld", width, static_cast<long long>(value));
	return buffer;
}

std::string
year_text(int64_t year)
{
	return padded(year > 0 ? year : 1 - year, 4);
}

} // namespace

std::optional<std::string>
first_day(Generalization to, std::string_view date)
{
	std::optional<Day> day = read_day(date);
	if (!day)
		return std::nullopt;
	if (!day->infinite.empty())
		return std::string(day->infinite);
	if (to != Generalization::month)
		day->month = 1;
	if (to == Generalization::decade)
		day->year = decade_of(day->year);
	return year_text(day->year) + "-" + padded(day->month, 2) + "-01" +
		   (day->year > 0 ? "" : " BC");
}

std::optional<std::string>
period_name(Generalization to, std::string_view date)
{
	const std::optional<Day> day = read_day(date);
	if (!day || !day->infinite.empty())
		return std::nullopt;
	const std::string era = day->year > 0 ? "" : " BC";
	if (to == Generalization::decade)
		return year_text(decade_of(day->year)) + "s" + era;
	return year_text(day->year) +
		   (to == Generalization::month ? "-" + padded(day->month, 2) : std::string()) + era;
}

namespace
{

constexpr size_t most_digits = 400;

std::optional<std::string>
scaled(const Decimal &value, int64_t exponent)
{
	const std::optional<Decimal> unit = Decimal::parse("1e" + std::to_string(exponent));
	const std::optional<Decimal> result = Decimal::multiply(value, *unit);
	return result ? std::optional(result->to_string()) : std::nullopt;
}

} // namespace

std::optional<NumberRange>
range_of(std::string_view number, std::string_view step_text)
{
	const std::optional<RangeStep> step = read_range_step(step_text);
	const std::optional<Decimal> value = Decimal::parse(trim_ascii(number));
	if (!step || !value)
		return std::nullopt;
	// the number as a whole number of units of the step's last digit, rounded down
	std::string digits = value->digits();
	const bool negative = value->is_negative();
	bool cut = false;
	const int64_t shift = value->is_zero() ? 0 : value->exponent() - step->exponent;
	if (shift > static_cast<int64_t>(most_digits) || digits.size() > most_digits)
		return std::nullopt;
	if (shift >= 0)
		digits.append(static_cast<size_t>(shift), '0');
	else
	{
		const size_t keep = -shift >= static_cast<int64_t>(digits.size())
								? 0
								: digits.size() - static_cast<size_t>(-shift);
		cut = digits.find_first_not_of('0', keep) != std::string::npos;
		digits.resize(keep);
		if (digits.empty())
			digits = "0";
	}
	unsigned __int128 rest = 0;
	for (const char c : digits)
		rest = (rest * 10 + static_cast<unsigned>(c - '0')) % step->units;
	// round down to a multiple: towards zero for a positive number, away from zero for a negative
	// one
	uint64_t down = static_cast<uint64_t>(rest);
	if (negative)
		down = rest == 0 && !cut ? 0 : step->units - down;
	const auto whole = Decimal::parse((negative ? "-" : "") + digits);
	const auto lower = Decimal::add(*whole, *Decimal::parse("-" + std::to_string(down)));
	if (!lower)
		return std::nullopt;
	const auto upper = Decimal::add(*lower, *Decimal::parse(std::to_string(step->units)));
	if (!upper)
		return std::nullopt;
	const auto lower_text = scaled(*lower, step->exponent),
			   upper_text = scaled(*upper, step->exponent);
	if (!lower_text || !upper_text)
		return std::nullopt;
	return NumberRange{*lower_text, *upper_text};
}

namespace
{

/// The text with 'A' for each letter and '9' for each digit. Other characters are unchanged.
std::string
shape_of(std::string_view text)
{
	std::string shape;
	for (const char c : text)
		shape += c >= 'A' && c <= 'Z' ? 'A' : is_digit(c) ? '9' : c;
	return shape;
}

bool
is_outward_shape(std::string_view shape)
{
	for (const std::string_view known : {"A9", "A99", "AA9", "AA99", "A9A", "AA9A"})
		if (shape == known)
			return true;
	return false;
}

} // namespace

std::optional<std::string>
outward_part(std::string_view postcode)
{
	// capital letters, and single blanks
	std::string text;
	for (const char c : trim_ascii(postcode))
		if (c != ' ' || (!text.empty() && text.back() != ' '))
			text += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
	std::string bare = text;
	bare.erase(std::remove(bare.begin(), bare.end(), ' '), bare.end());
	const std::string shape = shape_of(bare);
	if (shape.empty() || shape.find_first_not_of("A9-") != std::string::npos)
		return std::nullopt;

	if (shape == "A9A9A9") // Canada; no other country has this shape
		return bare.substr(0, 3);
	if (shape.size() == 7 && (shape.compare(0, 3, "A99") == 0 || bare.compare(0, 3, "D6W") == 0) &&
		shape.compare(4, 3, "9AA") != 0 && shape.find('-') == std::string::npos)
		return bare.substr(0, 3); // Ireland
	if (shape.size() >= 5 && shape.compare(shape.size() - 3, 3, "9AA") == 0 &&
		is_outward_shape(shape.substr(0, shape.size() - 3)))
		return bare.substr(0, bare.size() - 3); // United Kingdom
	if (is_outward_shape(shape))
		return bare; // this is already the outward part
	if (shape == "9999AA")
		return bare.substr(0, 4); // Netherlands
	if (shape == "99999-9999")
		return bare.substr(0, 3); // United States with four more
	const size_t gap = text.find_first_of(" -");
	if (gap != std::string::npos && gap > 0 && gap + 1 < text.size())
	{
		// there must be something after the blank or hyphen that can be left out
		const std::string first = text.substr(0, gap);
		return first.size() <= 6 ? std::optional(first) : std::nullopt;
	}
	if (shape.find_first_not_of('9') == std::string::npos && shape.size() >= 4 && shape.size() <= 6)
		return bare.substr(0, shape.size() / 2 + shape.size() % 2);
	return std::nullopt;
}

std::optional<std::string>
network_of(std::string_view address, int ipv4_bits, int ipv6_bits)
{
	std::string text(trim_ascii(address));
	int given = 128;
	if (const size_t slash = text.find('/'); slash != std::string::npos)
	{
		const char *first = text.data() + slash + 1, *last = text.data() + text.size();
		const auto r = std::from_chars(first, last, given);
		if (r.ec != std::errc() || r.ptr != last || given < 0 || given > 128)
			return std::nullopt;
		text.resize(slash);
	}
	if (text.size() > 2 && text.front() == '[' && text.back() == ']')
		text = text.substr(1, text.size() - 2);
	if (const size_t zone = text.find('%'); zone != std::string::npos)
		text.resize(zone);
	unsigned char bytes[16];
	int family = AF_INET, bits = ipv4_bits;
	size_t size = 4;
	if (inet_pton(AF_INET, text.c_str(), bytes) != 1)
	{
		if (inet_pton(AF_INET6, text.c_str(), bytes) != 1)
			return std::nullopt;
		constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
		if (std::memcmp(bytes, mapped, sizeof mapped) == 0)
		{
			// an IPv4 address that is mapped to IPv6
			std::memmove(bytes, bytes + 12, 4);
			given = given == 128 ? 128 : std::max(0, given - 96);
		}
		else
		{
			family = AF_INET6;
			bits = ipv6_bits;
			size = 16;
		}
	}
	else if (given > 32 && given != 128)
		return std::nullopt;
	bits = std::min(bits, given);
	for (size_t i = 0; i < size; ++i)
	{
		const int left = bits - static_cast<int>(i) * 8;
		if (left < 8)
			bytes[i] = left <= 0 ? 0 : static_cast<unsigned char>(bytes[i] & (0xff << (8 - left)));
	}
	char buffer[INET6_ADDRSTRLEN];
	if (inet_ntop(family, bytes, buffer, sizeof buffer) == nullptr)
		return std::nullopt;
	return std::string(buffer) + "/" + std::to_string(bits);
}

} // namespace etl
