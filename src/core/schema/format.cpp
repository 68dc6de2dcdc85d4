#include "core/schema/format.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/schema/format_host.h"
#include "core/schema/format_internal.h"
#include "core/schema/format_uri.h"
#include "core/schema/regex.h"

namespace etl
{

namespace format_detail
{

char32_t
next_character(std::string_view s, size_t &at)
{
	std::string_view rest = s.substr(at);
	char32_t c;
	if (take_character(rest, c))
		at = s.size() - rest.size();
	else
		c = static_cast<unsigned char>(s[at++]);
	return c;
}

} // namespace format_detail

using namespace format_detail;

namespace
{

constexpr std::array<const char *, 17> names{
	"date-time",     "date",         "time",          "email",
	"idn-email",     "hostname",     "idn-hostname",  "ipv4",
	"ipv6",          "uri",          "uri-reference", "iri",
	"iri-reference", "uri-template", "json-pointer",  "relative-json-pointer",
	"regex"};

/// Takes exactly `digits` digits off the beginning of the text.
bool
take_number(std::string_view &s, size_t digits, int &value)
{
	if (s.size() < digits)
		return false;
	value = 0;
	for (size_t i = 0; i < digits; ++i)
	{
		if (!is_digit(s[i]))
			return false;
		value = value * 10 + (s[i] - '0');
	}
	s.remove_prefix(digits);
	return true;
}

bool
take(std::string_view &s, char c)
{
	if (s.empty() || s[0] != c)
		return false;
	s.remove_prefix(1);
	return true;
}

/// RFC 3339, full-date.
bool
take_date(std::string_view &s)
{
	constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	if (!take_number(s, 4, year) || !take(s, '-') || !take_number(s, 2, month) || !take(s, '-') ||
		!take_number(s, 2, day))
		return false;
	if (month < 1 || month > 12 || day < 1)
		return false;
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

/// RFC 3339, full-time.
bool
is_time(std::string_view s)
{
	int hour, minute, second;
	if (!take_number(s, 2, hour) || !take(s, ':') || !take_number(s, 2, minute) || !take(s, ':') ||
		!take_number(s, 2, second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	if (take(s, '.'))
	{
		const size_t end = s.find_first_not_of("0123456789");
		if (end == 0 || s.empty() || end == std::string_view::npos)
			return false;
		s.remove_prefix(end);
	}
	int offset = 0;
	if (s != "Z" && s != "z")
	{
		if (s.empty() || (s[0] != '+' && s[0] != '-'))
			return false;
		const int sign = s[0] == '+' ? 1 : -1;
		int offset_hour, offset_minute;
		s.remove_prefix(1);
		if (!take_number(s, 2, offset_hour) || !take(s, ':') || !take_number(s, 2, offset_minute) ||
			!s.empty() || offset_hour > 23 || offset_minute > 59)
			return false;
		offset = sign * (offset_hour * 60 + offset_minute);
	}
	// A leap second is at the end of a day in UTC.
	constexpr int day = 24 * 60;
	return second < 60 || (hour * 60 + minute - offset + day) % day == day - 1;
}

bool
is_date_time(std::string_view s)
{
	if (!take_date(s) || s.empty() || (s[0] != 'T' && s[0] != 't'))
		return false;
	return is_time(s.substr(1));
}

/// RFC 5321 section 4.1.2, Mailbox; RFC 6531 section 3.3 with international.
bool
is_email(std::string_view s, bool international)
{
	constexpr std::string_view special = "!#$%&'*+-/=?^_`{|}~";
	const auto is_other = [&](char c) { return international && static_cast<signed char>(c) < 0; };
	size_t at = 0;
	if (s.empty())
		return false;
	if (s[0] == '"')
	{
		for (at = 1; at < s.size() && s[at] != '"'; ++at)
		{
			if (s[at] == '\\')
				++at;
			if (at >= s.size() || ((s[at] < ' ' || s[at] > '~') && !is_other(s[at])))
				return false;
		}
		if (at++ >= s.size())
			return false;
	}
	else
	{
		bool after_dot = true;
		for (; at < s.size() && s[at] != '@'; ++at)
		{
			const bool dot = s[at] == '.';
			if (dot ? after_dot
					: !is_alpha(s[at]) && !is_digit(s[at]) && !is_other(s[at]) &&
						  special.find(s[at]) == std::string_view::npos)
				return false;
			after_dot = dot;
		}
		if (after_dot)
			return false;
	}
	if (at > 64 || at >= s.size() || s[at] != '@')
		return false;
	std::string_view domain = s.substr(at + 1);
	if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']')
	{
		domain = domain.substr(1, domain.size() - 2);
		if (domain.substr(0, 5) == "IPv6:")
			return is_ipv6(domain.substr(5));
		return is_ipv4(domain);
	}
	return international ? is_idn_hostname(domain) : is_hostname(domain);
}

/// RFC 6901.
bool
is_json_pointer(std::string_view s)
{
	if (!s.empty() && s[0] != '/')
		return false;
	for (size_t i = 0; i < s.size(); ++i)
		if (s[i] == '~' && (i + 1 >= s.size() || (s[i + 1] != '0' && s[i + 1] != '1')))
			return false;
	return true;
}

/// draft-handrews-relative-json-pointer-01.
bool
is_relative_json_pointer(std::string_view s)
{
	const size_t end = std::min(s.find_first_not_of("0123456789"), s.size());
	if (end == 0 || (s[0] == '0' && end > 1))
		return false;
	const std::string_view rest = s.substr(end);
	return rest == "#" || is_json_pointer(rest);
}

} // namespace

bool
format_detail::is_ipv4(std::string_view s)
{
	for (int part = 0; part < 4; ++part)
	{
		if (part > 0 && !take(s, '.'))
			return false;
		const size_t end = std::min(s.find_first_not_of("0123456789"), s.size());
		if (end == 0 || end > 3 || (end > 1 && s[0] == '0')) // some readers take 010 for 8
			return false;
		int value = 0;
		if (!take_number(s, end, value) || value > 255)
			return false;
	}
	return s.empty();
}

/// RFC 4291 section 2.2.
bool
format_detail::is_ipv6(std::string_view s)
{
	int groups = 0;
	bool compressed = false;
	if (s.substr(0, 2) == "::")
	{
		compressed = true;
		s.remove_prefix(2);
		if (s.empty())
			return true;
	}
	while (true)
	{
		if (s.find('.') != std::string_view::npos && s.find(':') == std::string_view::npos)
		{
			if (!is_ipv4(s))
				return false;
			groups += 2;
			break;
		}
		size_t digits = 0;
		while (digits < s.size() && is_hex(s[digits]))
			++digits;
		if (digits < 1 || digits > 4)
			return false;
		++groups;
		s.remove_prefix(digits);
		if (s.empty())
			break;
		if (!take(s, ':') || s.empty())
			return false;
		if (s[0] == ':')
		{
			if (compressed)
				return false;
			compressed = true;
			s.remove_prefix(1);
			if (s.empty())
				break;
		}
	}
	return compressed ? groups < 8 : groups == 8;
}

std::optional<Format>
format_by_name(std::string_view name)
{
	for (size_t i = 0; i < names.size(); ++i)
		if (name == names[i])
			return static_cast<Format>(i);
	return std::nullopt;
}

const char *
format_name(Format format)
{
	return names[static_cast<size_t>(format)];
}

bool
has_format(Format format, std::string_view s)
{
	switch (format)
	{
	case Format::date_time:
		return is_date_time(s);
	case Format::date:
		return take_date(s) && s.empty();
	case Format::time:
		return is_time(s);
	case Format::email:
		return is_email(s, false);
	case Format::idn_email:
		return is_email(s, true);
	case Format::hostname:
		return is_hostname(s);
	case Format::idn_hostname:
		return is_idn_hostname(s);
	case Format::ipv4:
		return is_ipv4(s);
	case Format::ipv6:
		return is_ipv6(s);
	case Format::uri:
		return is_uri(s, false, true);
	case Format::uri_reference:
		return is_uri(s, false, false);
	case Format::iri:
		return is_uri(s, true, true);
	case Format::iri_reference:
		return is_uri(s, true, false);
	case Format::uri_template:
		return is_uri_template(s);
	case Format::json_pointer:
		return is_json_pointer(s);
	case Format::relative_json_pointer:
		return is_relative_json_pointer(s);
	case Format::regex:
	{
		std::string error;
		return Regex::compile(s, error, true).has_value();
	}
	}
	return false;
}

} // namespace etl
