// Host names, URIs and URI templates.
#include <algorithm>
#include <string>
#include <vector>

#include "core/schema_format.h"
#include "core/schema_regex.h"

namespace etl::format_detail
{

namespace
{

constexpr size_t max_label = 63, max_host = 253;

bool
is_ldh_label(std::string_view label)
{
	return !label.empty() && label.size() <= max_label && label.front() != '-' &&
		   label.back() != '-' &&
		   std::all_of(label.begin(), label.end(),
					   [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

/// Bytes of the label's Punycode form (RFC 3492), without "xn--".
size_t
punycode_size(const std::vector<char32_t> &label)
{
	uint64_t n = 128, delta = 0, bias = 72;
	const size_t basic = static_cast<size_t>(
		std::count_if(label.begin(), label.end(), [](char32_t c) { return c < 128; }));
	size_t done = basic, size = basic + (basic > 0);
	bool first = true;
	while (done < label.size() && size <= max_label)
	{
		uint64_t next = 0x110000;
		for (char32_t c : label)
			if (c >= n)
				next = std::min<uint64_t>(next, c);
		delta += (next - n) * (done + 1);
		n = next;
		for (char32_t c : label)
		{
			if (c < n)
				++delta;
			if (c != n)
				continue;
			uint64_t q = delta;
			for (uint64_t k = 36;; k += 36)
			{
				const uint64_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
				++size;
				if (q < t)
					break;
				q = (q - t) / (36 - t);
			}
			delta = first ? delta / 700 : delta / 2;
			first = false;
			++done;
			delta += delta / done;
			uint64_t k = 0;
			for (; delta > 455; k += 36)
				delta /= 35;
			bias = k + 36 * delta / (delta + 38);
			delta = 0;
		}
		++delta;
		++n;
	}
	return size;
}

/// RFC 5892 as far as general categories tell it: letters, marks and digits, the exceptions of
/// section 2.6 and the contextual rules of appendix A. A label must not begin with a mark.
constexpr std::string_view u_label =
	"\\A(?!(?=.*\\x{30fb})(?!.*[\\p{Hiragana}\\p{Katakana}\\p{Han}]))(?!\\p{M})"
	"(?!.*[\\x{660}-\\x{669}].*[\\x{6f0}-\\x{6f9}])"
	"(?!.*[\\x{6f0}-\\x{6f9}].*[\\x{660}-\\x{669}])(?!-)(?!..--)"
	"(?:(?![\\x{640}\\x{7fa}\\x{302e}\\x{302f}\\x{3031}-\\x{3035}\\x{303b}\\x{fb00}-\\x{fb06}"
	"\\x{fb13}-\\x{fb17}\\x{ff00}-\\x{ffef}])"
	"[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}\\x{3007}\\x{6fd}\\x{6fe}\\x{f0b}-]"
	"|(?<=l)\\x{b7}(?=l)"
	"|\\x{375}(?=\\p{Greek})"
	"|(?<=\\p{Hebrew})[\\x{5f3}\\x{5f4}]"
	"|\\x{30fb}"
	// virama; appendix A.1 also allows ZWNJ between joining letters
	"|(?<=[\\x{94d}\\x{9cd}\\x{a4d}\\x{acd}\\x{b4d}\\x{bcd}\\x{c4d}\\x{ccd}\\x{d4d}\\x{dca}"
	"\\x{f84}\\x{1039}])[\\x{200c}\\x{200d}]"
	"|(?<=[\\p{Arabic}\\p{Syriac}])\\x{200c}(?=[\\p{Arabic}\\p{Syriac}])"
	")+(?<!-)\\z";

bool
is_u_label(std::string_view label)
{
	static const Regex regex = []
	{
		std::string error;
		return std::move(Regex::compile_native(u_label, error).value());
	}();
	if (label.size() > 4 * max_label || regex.search(label) != Regex::Result::match)
		return false;
	std::vector<char32_t> characters;
	for (size_t at = 0; at < label.size();)
		characters.push_back(next_character(label, at));
	return punycode_size(characters) + 4 <= max_label;
}

/// RFC 3987: ucschar, and iprivate in a query.
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

/// Only unreserved characters, sub-delims, escapes and those of `also`.
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
is_hostname(std::string_view s)
{
	if (s.empty() || s.size() > max_host)
		return false;
	while (true)
	{
		const size_t dot = std::min(s.find('.'), s.size());
		if (!is_ldh_label(s.substr(0, dot)))
			return false;
		if (dot == s.size())
			return true;
		s.remove_prefix(dot + 1);
	}
}

bool
is_idn_hostname(std::string_view s)
{
	// RFC 3490 section 3.1: the full stops of other scripts separate labels, too.
	std::string dotted;
	for (size_t at = 0; at < s.size();)
	{
		const size_t begin = at;
		const char32_t c = next_character(s, at);
		if (c == 0x3002 || c == 0xff0e || c == 0xff61)
			dotted += '.';
		else
			dotted.append(s.substr(begin, at - begin));
	}
	s = dotted;
	if (s.empty() || s.size() > 4 * max_host)
		return false;
	while (true)
	{
		const size_t dot = std::min(s.find('.'), s.size());
		const std::string_view label = s.substr(0, dot);
		const bool ascii = std::all_of(label.begin(), label.end(),
									   [](char c) { return static_cast<signed char>(c) >= 0; });
		if (!(ascii ? is_ldh_label(label) : is_u_label(label)))
			return false;
		if (dot == s.size())
			return true;
		s.remove_prefix(dot + 1);
	}
}

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
			return false; // a relative reference's first segment may hold no colon either
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
				 std::string_view("\"'<>\\^`|}").find(c) != std::string_view::npos)
			return false;
		else
			++i;
	}
	return true;
}

} // namespace etl::format_detail
