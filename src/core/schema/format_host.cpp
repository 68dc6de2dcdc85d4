// Host names: RFC 1123, and IDNA 2008 (RFC 5890 to 5893). libidn2 checks the labels. This file
// checks the rules for a whole name: separators, length, and RFC 5893 for all labels together.
#include "core/schema/format_host.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <idn2.h>

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/schema/format_internal.h"
#include "core/schema/regex.h"

namespace etl::format_detail
{

namespace
{

constexpr size_t max_label = 63, max_host = 253;
constexpr std::string_view ace_prefix = "xn--";
/// Largest size of a label in UTF-8. A longer label cannot be valid and is not examined.
constexpr size_t max_u_label = 4 * max_label;

bool
is_ascii(std::string_view s)
{
	return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
}

bool
is_ldh_label(std::string_view label)
{
	return !label.empty() && label.size() <= max_label && label.front() != '-' &&
		   label.back() != '-' &&
		   std::all_of(label.begin(), label.end(),
					   [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

Regex
native(std::string_view pattern)
{
	std::string error;
	return std::move(Regex::compile_native(pattern, error).value());
}

bool
matches(const Regex &regex, std::string_view text)
{
	return regex.search(text) == Regex::Result::match;
}

/// RFC 5893, section 2: every label of a name with right-to-left characters must match this.
constexpr std::string_view right_to_left = "[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}]";
constexpr std::string_view bidi_label =
	"\\A(?:(?=[\\p{bc:R}\\p{bc:AL}])(?!.*\\p{bc:EN}.*\\p{bc:AN})(?!.*\\p{bc:AN}.*\\p{bc:EN})"
	"[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}"
	"\\p{bc:NSM}]*[\\p{bc:R}\\p{bc:AL}\\p{bc:EN}\\p{bc:AN}]\\p{bc:NSM}*"
	"|(?=\\p{bc:L})[\\p{bc:L}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}"
	"\\p{bc:NSM}]*[\\p{bc:L}\\p{bc:EN}]\\p{bc:NSM}*)\\z";

struct Free
{
	void operator()(void *text) const { idn2_free(text); }
};
using IdnText = std::unique_ptr<char, Free>;

const uint8_t *
bytes(const std::string &text)
{
	return reinterpret_cast<const uint8_t *>(text.c_str());
}

/// Returns the label in its Unicode form if it is valid. libidn2 checks it like a label that is to
/// be registered (RFC 5891, section 4): nothing is mapped, and the contextual rules apply.
/// `encoded_size` becomes the length of its ASCII form.
std::optional<std::string>
readable_label(const std::string &label, size_t &encoded_size)
{
	encoded_size = label.size();
	if (label.size() > max_u_label || label.find('\0') != std::string::npos)
		return std::nullopt;
	uint8_t *out = nullptr;
	if (!is_ascii(label))
	{
		if (idn2_register_u8(bytes(label), nullptr, &out, 0) != IDN2_OK)
			return std::nullopt;
		const IdnText encoded(reinterpret_cast<char *>(out));
		encoded_size = std::strlen(encoded.get());
		return label;
	}
	if (!is_ldh_label(label))
		return std::nullopt;
	std::string lower(label);
	for (char &c : lower)
		c = is_alpha(c) ? static_cast<char>(c | 0x20) : c;
	if (!lower.starts_with(ace_prefix))
		return label;
	if (idn2_register_u8(nullptr, bytes(lower), &out, 0) != IDN2_OK)
		return std::nullopt;
	const IdnText encoded(reinterpret_cast<char *>(out));
	char *text = nullptr;
	if (idn2_to_unicode_8z8z(lower.c_str(), &text, 0) != IDN2_OK)
		return std::nullopt;
	const IdnText readable(text);
	return std::string(text);
}

} // namespace

bool
is_idn_hostname(std::string_view s)
{
	static const Regex has_right_to_left = native(right_to_left), fits_bidi = native(bidi_label);
	if (s.size() > max_u_label * (max_host / 2))
		return false;
	std::vector<std::string> labels;
	std::string label;
	size_t total = 0, size = 0;
	for (size_t at = 0; at <= s.size();)
	{
		const size_t begin = at;
		const char32_t c = at < s.size() ? next_character(s, at) : (++at, U'.');
		// RFC 3490, section 3.1: the full stops of other scripts separate labels too.
		if (c != '.' && c != 0x3002 && c != 0xff0e && c != 0xff61)
		{
			label.append(s.substr(begin, at - begin));
			continue;
		}
		auto readable = readable_label(label, size);
		total += size + 1;
		if (!readable || total > max_host + 1)
			return false;
		labels.push_back(std::move(*readable));
		label.clear();
	}
	if (std::none_of(labels.begin(), labels.end(),
					 [](const auto &l) { return matches(has_right_to_left, l); }))
		return true;
	return std::all_of(labels.begin(), labels.end(),
					   [](const auto &l) { return matches(fits_bidi, l); });
}

bool
is_hostname(std::string_view s)
{
	return s.size() <= max_host && is_ascii(s) && is_idn_hostname(s);
}

} // namespace etl::format_detail
