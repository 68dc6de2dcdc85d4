// URIs and URI templates.
#include "core/schema/format_uri.h"

#include <cstddef>

#include <algorithm>
#include <string_view>

#include "core/base/ascii.h"
#include "core/schema/format_host.h"
#include "core/schema/format_internal.h"

namespace etl::format_detail
{

namespace
{

/// RFC 3987: the characters ucschar, and in a query also iprivate.
bool
is_international(char32_t c, bool in_query)
{
	if (in_query && ((c >= 0xe000 && c <= 0xf8ff) || c >= 0xf0000))
		return (c & 0xffff) <= 0xfffd;
	return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) ||
		   (c >= 0xfdf0 && c <= 0xffef) ||
		   (c >= 0x10000 && c <= 0xefffd && (c & 0xffff) <= 0xfffd &&
			(c < 0xe0000 || c >= 0xe1000));
}

/// Whether the text consists only of unreserved characters, sub-delims, percent escapes and the
/// characters in `also`.
bool
consists_of(std::string_view s, std::string_view also, bool international, bool in_query = false)
{
	constexpr std::string_view plain = "-._~!$&'()*+,;=";
	for (size_t i = 0; i < s.size();)
	{
		const char c = s[i];
		if (c == '%')
		{
			if (i + 2 >= s.size() || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
				return false;
			i += 3;
		}
		else if (static_cast<signed char>(c) < 0)
		{
			if (!international || !is_international(next_character(s, i), in_query))
				return false;
		}
		else if (is_alpha(c) || is_digit(c) || plain.find(c) != std::string_view::npos ||
				 also.find(c) != std::string_view::npos)
			++i;
		else
			return false;
	}
	return true;
}

bool
is_authority(std::string_view s, bool international)
{
	if (const size_t at = s.find('@'); at != std::string_view::npos)
	{
		if (!consists_of(s.substr(0, at), ":", international))
			return false;
		s.remove_prefix(at + 1);
	}
	std::string_view port;
	if (!s.empty() && s[0] == '[')
	{
		const size_t end = s.find(']');
		if (end == std::string_view::npos)
			return false;
		const std::string_view host = s.substr(1, end - 1);
		if (!host.empty() && (host[0] == 'v' || host[0] == 'V'))
		{
			const size_t dot = host.find('.');
			if (dot == std::string_view::npos || dot < 2 || dot + 1 == host.size() ||
				!std::all_of(host.begin() + 1, host.begin() + static_cast<ptrdiff_t>(dot),
							 is_hex) ||
				host.find('%') != std::string_view::npos ||
				!consists_of(host.substr(dot + 1), ":", false))
				return false;
		}
		else if (!is_ipv6(host))
			return false;
		port = s.substr(end + 1);
		if (!port.empty() && port[0] != ':')
			return false;
	}
	else
	{
		const size_t colon = std::min(s.find(':'), s.size());
		if (!consists_of(s.substr(0, colon), "", international))
			return false;
		port = s.substr(colon);
	}
	return port.empty() || std::all_of(port.begin() + 1, port.end(), is_digit);
}

/// RFC 6570 section 2.3, with the modifiers of 2.4.
bool
is_template_variable(std::string_view s)
{
	if (!s.empty() && s.back() == '*')
		s.remove_suffix(1);
	else if (const size_t colon = s.find(':'); colon != std::string_view::npos)
	{
		const std::string_view length = s.substr(colon + 1);
		if (length.empty() || length.size() > 4 || length[0] == '0' ||
			!std::all_of(length.begin(), length.end(), is_digit))
			return false;
		s = s.substr(0, colon);
	}
	bool after_dot = true;
	for (size_t i = 0; i < s.size(); ++i)
	{
		const bool dot = s[i] == '.';
		if (dot ? after_dot : !is_alpha(s[i]) && !is_digit(s[i]) && s[i] != '_' && s[i] != '%')
			return false;
		if (s[i] == '%')
		{
			if (i + 2 >= s.size() || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
				return false;
			i += 2;
		}
		after_dot = dot;
	}
	return !after_dot;
}

} // namespace

bool
is_uri(std::string_view s, bool international, bool needs_scheme)
{
	if (const size_t hash = s.find('#'); hash != std::string_view::npos)
	{
		if (!consists_of(s.substr(hash + 1), ":@/?", international))
			return false;
		s = s.substr(0, hash);
	}
	if (const size_t mark = s.find('?'); mark != std::string_view::npos)
	{
		if (!consists_of(s.substr(mark + 1), ":@/?", international, true))
			return false;
		s = s.substr(0, mark);
	}
	const size_t colon = s.find(':');
	const bool has_scheme = colon != std::string_view::npos && colon < s.find('/');
	if (has_scheme)
	{
		const std::string_view scheme = s.substr(0, colon);
		if (scheme.empty() || !is_alpha(scheme[0]) ||
			!std::all_of(scheme.begin(), scheme.end(),
						 [](char c) {
							 return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
						 }))
			return false; // the first segment of a relative reference must not contain a colon
						  // either
		s.remove_prefix(colon + 1);
	}
	else if (needs_scheme)
		return false;
	if (s.substr(0, 2) == "//")
	{
		const size_t end = std::min(s.find('/', 2), s.size());
		if (!is_authority(s.substr(2, end - 2), international))
			return false;
		s.remove_prefix(end);
	}
	return consists_of(s, ":@/", international);
}

bool
is_uri_template(std::string_view s)
{
	constexpr std::string_view operators = "+#./;?&=,!@|";
	for (size_t i = 0; i < s.size();)
	{
		const char c = s[i];
		if (c == '{')
		{
			const size_t end = s.find('}', i);
			if (end == std::string_view::npos)
				return false;
			std::string_view variables = s.substr(i + 1, end - i - 1);
			if (!variables.empty() && operators.find(variables[0]) != std::string_view::npos)
				variables.remove_prefix(1);
			while (true)
			{
				const size_t comma = std::min(variables.find(','), variables.size());
				if (!is_template_variable(variables.substr(0, comma)))
					return false;
				if (comma == variables.size())
					break;
				variables.remove_prefix(comma + 1);
			}
			i = end + 1;
		}
		else if (c == '%')
		{
			if (i + 2 >= s.size() || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
				return false;
			i += 3;
		}
		else if (static_cast<signed char>(c) < 0)
		{
			if (!is_international(next_character(s, i), true))
				return false;
		}
		else if (c <= ' ' || c == 0x7f ||
				 std::string_view("\"<>\\^`|}").find(c) != std::string_view::npos)
			return false;
		else
			++i;
	}
	return true;
}

} // namespace etl::format_detail
