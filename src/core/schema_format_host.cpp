// Host names: RFC 1123, and IDNA 2008 (RFC 5890 to 5893).
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/schema_format.h"
#include "core/schema_regex.h"

namespace etl::format_detail
{

namespace
{

constexpr size_t max_label = 63, max_host = 253;
constexpr std::string_view ace_prefix = "xn--";
/// UTF-8 of a label that could still fit: nothing longer is looked at.
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

/// RFC 3492 with the parameters of its section 5.
class Punycode
{
  public:
	static std::string encode(std::string_view label)
	{
		std::vector<char32_t> characters;
		std::string out;
		for (size_t at = 0; at < label.size();)
		{
			characters.push_back(next_character(label, at));
			if (characters.back() < 128)
				out += static_cast<char>(characters.back());
		}
		size_t done = out.size();
		if (done > 0)
			out += '-';
		Punycode state;
		uint64_t n = 128, delta = 0;
		while (done < characters.size())
		{
			uint64_t next = 0x110000;
			for (char32_t c : characters)
				if (c >= n)
					next = std::min<uint64_t>(next, c);
			delta += (next - n) * (done + 1);
			n = next;
			for (char32_t c : characters)
			{
				delta += c < n;
				if (c != n)
					continue;
				uint64_t q = delta;
				for (uint64_t k = 36;; k += 36)
				{
					const uint64_t t = state.threshold(k);
					const uint64_t digit = q < t ? q : t + (q - t) % (36 - t);
					out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + digit - 26);
					if (q < t)
						break;
					q = (q - t) / (36 - t);
				}
				state.adapt(delta, ++done);
				delta = 0;
			}
			++delta;
			++n;
		}
		return out;
	}

	static std::optional<std::string> decode(std::string_view code)
	{
		std::vector<char32_t> characters;
		const size_t dash = code.rfind('-');
		if (dash != std::string_view::npos)
		{
			characters.assign(code.begin(), code.begin() + static_cast<ptrdiff_t>(dash));
			code.remove_prefix(dash + 1);
		}
		Punycode state;
		uint64_t n = 128, i = 0;
		for (size_t at = 0; at < code.size();)
		{
			const uint64_t before = i;
			uint64_t weight = 1;
			for (uint64_t k = 36;; k += 36)
			{
				if (at >= code.size())
					return std::nullopt;
				const char c = code[at++];
				const uint64_t digit =
					static_cast<uint64_t>(is_digit(c) ? c - '0' + 26 : (c | 0x20) - 'a');
				i += digit * weight;
				if (i > 0xffffffff)
					return std::nullopt;
				const uint64_t t = state.threshold(k);
				if (digit < t)
					break;
				weight *= 36 - t;
				if (weight > 0xffffffff)
					return std::nullopt;
			}
			state.adapt(i - before, characters.size() + 1);
			n += i / (characters.size() + 1);
			i %= characters.size() + 1;
			if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
				return std::nullopt;
			characters.insert(characters.begin() + static_cast<ptrdiff_t>(i++),
							  static_cast<char32_t>(n));
		}
		std::string out;
		for (char32_t c : characters)
			append(out, c);
		return out;
	}

  private:
	uint64_t threshold(uint64_t k) const
	{
		return k <= bias_ ? 1 : k >= bias_ + 26 ? 26 : k - bias_;
	}
	void adapt(uint64_t delta, uint64_t points)
	{
		delta = first_ ? delta / 700 : delta / 2;
		first_ = false;
		delta += delta / points;
		uint64_t k = 0;
		for (; delta > 455; k += 36)
			delta /= 35;
		bias_ = k + 36 * delta / (delta + 38);
	}
	static void append(std::string &out, char32_t c)
	{
		const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
		if (c < 0x80)
			out += static_cast<char>(c);
		else if (c < 0x800)
		{
			out += static_cast<char>(0xc0 | c >> 6);
			tail(0);
		}
		else if (c < 0x10000)
		{
			out += static_cast<char>(0xe0 | c >> 12);
			tail(6);
			tail(0);
		}
		else
		{
			out += static_cast<char>(0xf0 | c >> 18);
			tail(12);
			tail(6);
			tail(0);
		}
	}

	uint64_t bias_ = 72;
	bool first_ = true;
};

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

/// RFC 5892 as far as general categories tell it: letters, marks and digits, the exceptions of
/// section 2.6 and the contextual rules of appendix A. A label must not begin with a mark.
constexpr std::string_view u_label =
	"\\A(?!(?=.*\\x{30fb})(?!.*[\\p{sc:Hiragana}\\p{sc:Katakana}\\p{sc:Han}]))(?!\\p{M})"
	"(?!.*[\\x{660}-\\x{669}].*[\\x{6f0}-\\x{6f9}])"
	"(?!.*[\\x{6f0}-\\x{6f9}].*[\\x{660}-\\x{669}])(?!-)(?!..--)"
	"(?:(?![\\x{640}\\x{7fa}\\x{302e}\\x{302f}\\x{3031}-\\x{3035}\\x{303b}\\x{fb00}-\\x{fb06}"
	"\\x{fb13}-\\x{fb17}\\x{ff00}-\\x{ffef}])"
	"[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}\\x{3007}\\x{6fd}\\x{6fe}\\x{f0b}\\x{30fb}-]"
	"|(?<=l)\\x{b7}(?=l)"
	"|\\x{375}(?=\\p{sc:Greek})"
	"|(?<=\\p{sc:Hebrew})[\\x{5f3}\\x{5f4}]"
	// Virama; appendix A.1 also allows ZWNJ between joining letters.
	"|(?<=[\\x{94d}\\x{9cd}\\x{a4d}\\x{acd}\\x{b4d}\\x{bcd}\\x{c4d}\\x{ccd}\\x{d4d}\\x{dca}"
	"\\x{f84}\\x{1039}])[\\x{200c}\\x{200d}]"
	"|(?<=[\\p{sc:Arabic}\\p{sc:Syriac}])\\x{200c}(?=[\\p{sc:Arabic}\\p{sc:Syriac}])"
	")+(?<!-)\\z";

/// RFC 5893 section 2, for every label of a name that has right-to-left characters.
constexpr std::string_view right_to_left = "[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}]";
constexpr std::string_view bidi_label =
	"\\A(?:(?=[\\p{bc:R}\\p{bc:AL}])(?!.*\\p{bc:EN}.*\\p{bc:AN})(?!.*\\p{bc:AN}.*\\p{bc:EN})"
	"[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}"
	"\\p{bc:NSM}]*[\\p{bc:R}\\p{bc:AL}\\p{bc:EN}\\p{bc:AN}]\\p{bc:NSM}*"
	"|(?=\\p{bc:L})[\\p{bc:L}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}"
	"\\p{bc:NSM}]*[\\p{bc:L}\\p{bc:EN}]\\p{bc:NSM}*)\\z";

/// The label as people read it, where it is a valid one.
std::optional<std::string>
readable_label(std::string_view label, size_t &encoded_size)
{
	static const Regex permitted = native(u_label);
	encoded_size = label.size();
	std::string text(label);
	std::string lower(label);
	for (char &c : lower)
		c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
	if (is_ascii(label))
	{
		if (!is_ldh_label(label))
			return std::nullopt;
		if (lower.compare(0, ace_prefix.size(), ace_prefix) != 0)
			return text;
		auto decoded = Punycode::decode(std::string_view(lower).substr(ace_prefix.size()));
		if (!decoded || is_ascii(*decoded))
			return std::nullopt;
		text = std::move(*decoded);
	}
	if (text.size() > max_u_label || !matches(permitted, text))
		return std::nullopt;
	const std::string encoded = std::string(ace_prefix) + Punycode::encode(text);
	if (encoded.size() > max_label || (is_ascii(label) && encoded != lower))
		return std::nullopt;
	encoded_size = encoded.size();
	return text;
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
		// RFC 3490 section 3.1: the full stops of other scripts separate labels, too.
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
