#include "core/types/encode.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/ascii.h"
#include "core/base/big_endian.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/json/decimal.h"
#include "core/types/column_type.h"
#include "core/types/encode_datetime.h"
#include "core/types/encode_numeric.h"
#include "core/types/type_error.h"

namespace etl
{

namespace encode_detail
{

} // namespace encode_detail

namespace
{

std::string_view
with_article(Kind kind)
{
	switch (kind)
	{
	case Kind::null:
		return "null";
	case Kind::boolean:
		return "a boolean";
	case Kind::number:
		return "a number";
	case Kind::string:
		return "text";
	case Kind::array:
		return "an array";
	case Kind::object:
		return "an object";
	}
	return "";
}

/// The usual form of an integer: [+-] digits that fit 64 bits. Reading it allocates nothing.
enum class Digits : uint8_t
{
	ok,
	overflow,
	none
};

Digits
parse_digits(std::string_view s, int64_t &value)
{
	size_t i = 0;
	const bool negative = !s.empty() && s[0] == '-';
	if (!s.empty() && (s[0] == '-' || s[0] == '+'))
		++i;
	if (i == s.size())
		return Digits::none;
	bool overflow = false;
	int64_t v = 0; // kept negative, because the range of negative numbers is larger
	for (; i < s.size(); ++i)
	{
		if (!is_digit(s[i]))
			return Digits::none;
		overflow = overflow || __builtin_mul_overflow(v, int64_t{10}, &v) ||
				   __builtin_sub_overflow(v, static_cast<int64_t>(s[i] - '0'), &v);
	}
	if (!negative && !overflow)
		overflow = __builtin_sub_overflow(int64_t{0}, v, &v);
	value = v;
	return overflow ? Digits::overflow : Digits::ok;
}

bool
encode_integer(const ColumnType &type, Value value, std::string &out, TypeError &error)
{
	const bool number = value.is(Kind::number);
	const std::string_view text = number ? value.text() : trim_ascii(value.text());
	int64_t v = 0;
	Digits outcome = parse_digits(text, v);
	if (outcome == Digits::none)
	{
		// JSON numbers such as 1.0 and 1e3 are integers. As text they are not, as in PostgreSQL.
		const auto decimal = number ? Decimal::parse(text) : std::nullopt;
		if (!decimal)
			return mismatch(type, "text that is not an integer", error);
		if (!decimal->is_integer())
			return mismatch(type, "a number with a fraction", error);
		char buffer[20];
		std::string_view digits = decimal->digits(buffer);
		const int64_t whole = static_cast<int64_t>(digits.size()) + decimal->exponent();
		if (decimal->is_zero())
			outcome = Digits::ok;
		else if (whole > 19)
			outcome = Digits::overflow;
		else
		{
			std::string plain(decimal->is_negative() ? "-" : "");
			plain += digits.substr(0, static_cast<size_t>(whole));
			if (decimal->exponent() > 0)
				plain.append(static_cast<size_t>(decimal->exponent()), '0');
			outcome = parse_digits(plain, v);
		}
	}
	const auto fits = [v](auto limit)
	{
		return v >= std::numeric_limits<decltype(limit)>::min() &&
			   v <= std::numeric_limits<decltype(limit)>::max();
	};
	if (outcome == Digits::overflow || (type.id == TypeId::smallint && !fits(int16_t{})) ||
		(type.id == TypeId::integer && !fits(int32_t{})))
		return out_of_range(type, error);
	if (type.id == TypeId::smallint)
		append_int16(out, static_cast<int16_t>(v));
	else if (type.id == TypeId::integer)
		append_int32(out, static_cast<int32_t>(v));
	else
		append_int64(out, v);
	return true;
}

/// Reads digits only. "NaN" and "Infinity" are refused, because JSON has no such numbers. A number
/// that is not 0 but becomes 0 or infinity is an error, as in PostgreSQL.
template <typename Float>
bool
encode_float(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	std::string_view s = trim_ascii(text);
	const bool plus = !s.empty() && s[0] == '+'; // from_chars() does not accept a plus sign
	s.remove_prefix(plus);
	const size_t first = !plus && !s.empty() && s[0] == '-' ? 1 : 0;
	if (s.size() <= first || !(is_digit(s[first]) || s[first] == '.'))
		return mismatch(type, "text that is not a number", error);
	Float v = 0;
	const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
	if (r.ec == std::errc::invalid_argument || r.ptr != s.data() + s.size())
		return mismatch(type, "text that is not a number", error);
	const bool zero =
		s.substr(0, s.find_first_of("eE")).find_first_of("123456789") == std::string_view::npos;
	if (!zero && (r.ec == std::errc::result_out_of_range || std::isinf(v) || v == 0))
		return out_of_range(type, error);
	if constexpr (sizeof(Float) == 4)
	{
		int32_t bits = 0;
		std::memcpy(&bits, &v, sizeof(bits));
		append_int32(out, bits);
	}
	else
	{
		int64_t bits = 0;
		std::memcpy(&bits, &v, sizeof(bits));
		append_int64(out, bits);
	}
	return true;
}

/// As boolin(): in any case, any beginning of a word that is not also the beginning of its
/// opposite.
bool
parse_bool(std::string_view text, bool &value)
{
	const std::string_view trimmed = trim_ascii(text);
	if (trimmed.empty() || trimmed.size() > 5)
		return false;
	char lower[5];
	for (size_t i = 0; i < trimmed.size(); ++i)
		lower[i] = trimmed[i] >= 'A' && trimmed[i] <= 'Z' ? static_cast<char>(trimmed[i] + 32)
														  : trimmed[i];
	const std::string_view s(lower, trimmed.size());
	const auto begins = [s](std::string_view word, size_t least)
	{ return s.size() >= least && word.substr(0, s.size()) == s; };
	value = begins("true", 1) || begins("yes", 1) || begins("on", 2) || s == "1";
	return value || begins("false", 1) || begins("no", 1) || begins("off", 2) || s == "0";
}

bool
encode_text(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	if (text.find('\0') != std::string_view::npos)
	{
		error = {sqlstate::untranslatable_character, "\\u0000 cannot be converted to text"};
		return false;
	}
	const bool padded = is_blank_padded(type);
	if (type.precision >= 0 && text.size() > static_cast<size_t>(type.precision))
	{
		size_t end = 0;
		for (int characters = 0; end < text.size(); ++end)
			if (!is_continuation(text[end]) && characters++ == type.precision)
				break;
		// SQL allows blanks beyond the length to be cut off silently, but no other characters.
		if (text.find_first_not_of(' ', end) != std::string_view::npos)
		{
			error = {sqlstate::string_data_right_truncation, "value too long for type " + type.sql};
			return false;
		}
		text = text.substr(0, end);
	}
	// bpcharrecv() adds the blanks again. Without the blanks, equal keys have equal bytes.
	if (padded)
		text = text.substr(0, text.find_last_not_of(' ') + 1);
	out.append(text);
	return true;
}

/// The value of each character as a hexadecimal digit; 0xff if it is not a digit.
constexpr std::array<uint8_t, 256> hex_digits = []
{
	std::array<uint8_t, 256> digits{};
	digits.fill(0xff);
	for (uint8_t i = 0; i < 10; ++i)
		digits[static_cast<size_t>('0' + i)] = i;
	for (uint8_t i = 0; i < 6; ++i)
		digits[static_cast<size_t>('a' + i)] = digits[static_cast<size_t>('A' + i)] =
			static_cast<uint8_t>(10 + i);
	return digits;
}();

/// Reads the usual form "01234567-89ab-cdef-0123-456789abcdef". Returns false for any other form.
bool
read_usual_uuid(std::string_view text, char *bytes)
{
	if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' ||
		text[23] != '-')
		return false;
	static constexpr uint8_t places[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
	unsigned all = 0;
	for (int i = 0; i < 16; ++i)
	{
		const unsigned high = hex_digits[static_cast<uint8_t>(text[places[i]])],
					   low = hex_digits[static_cast<uint8_t>(text[places[i] + 1u])];
		all |= high | low;
		bytes[i] = static_cast<char>(high << 4 | low);
	}
	return all < 16;
}

/// As uuid_in(): 32 hexadecimal digits, with an optional hyphen after every fourth digit and
/// optional braces around them.
bool
encode_uuid(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	char bytes[16];
	if (read_usual_uuid(text, bytes))
	{
		out.append(bytes, sizeof(bytes));
		return true;
	}
	size_t at = 0;
	const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
	const bool braces = peek() == '{';
	at += braces;
	bool ok = true;
	for (int i = 0; i < 32 && ok; ++i)
	{
		const int nibble = hex_value(peek());
		ok = nibble >= 0;
		++at;
		if (i % 2 == 0)
			bytes[i / 2] = static_cast<char>(nibble << 4);
		else
			bytes[i / 2] = static_cast<char>(bytes[i / 2] | nibble);
		if (i % 4 == 3 && i < 31 && peek() == '-')
			++at;
	}
	if (ok && braces)
		ok = peek() == '}' && ++at > 0;
	if (!ok || at != text.size())
		return mismatch(type, "text that is not a uuid", error);
	out.append(bytes, sizeof(bytes));
	return true;
}

/// Whether a JSON text contains \u0000. The text \\u0000 is different: a backslash and five
/// characters.
bool
has_escaped_nul(std::string_view json)
{
	for (size_t at = json.find('\\'); at != std::string_view::npos; at = json.find('\\', at + 2))
		if (json.substr(at + 1, 5) == "u0000")
			return true;
	return false;
}

bool
encode_json(const ColumnType &type, Value value, std::string &out, TypeError &error)
{
	// The text of a number may have been replaced (Document::replace_with_number).
	const std::string_view raw = value.is(Kind::number) ? value.text() : value.raw();
	if (type.id == TypeId::json)
	{
		out.append(raw);
		return true;
	}
	if (has_escaped_nul(raw))
	{
		error = {sqlstate::untranslatable_character, "\\u0000 cannot be converted to text"};
		return false;
	}
	// jsonb stores numbers as numeric, and limits names and strings to less than 256 MB.
	const Node *const end = value.node() + value.node()->span;
	for (const Node *node = value.node(); node != end; ++node)
	{
		if (node->kind == Kind::number && node->size > 5 &&
			(node->size > 16000 || std::string_view(node->data, node->size).find_first_of("eE") !=
									   std::string_view::npos) &&
			!fits_numeric({node->data, node->size}))
		{
			error = {sqlstate::numeric_value_out_of_range,
					 "a number in it is out of range for type jsonb"};
			return false;
		}
		if (node->kind == Kind::string && node->size > 0x0fffffff)
		{
			error = {sqlstate::program_limit_exceeded,
					 "string too long to represent as jsonb string"};
			return false;
		}
	}
	out += '\1';
	out.append(raw);
	return true;
}

} // namespace

bool
encode(const ColumnType &type, Value value, std::string &out, TypeError &error)
{
	if (type.id == TypeId::json || type.id == TypeId::jsonb)
		return encode_json(type, value, out, error);

	const Kind kind = value.kind();
	const bool boolean = kind == Kind::boolean;
	const bool string = kind == Kind::string;
	bool accepted = string;
	switch (type.id)
	{
	case TypeId::text:
		accepted = string || boolean || kind == Kind::number;
		break;
	case TypeId::boolean:
		accepted = string || boolean || kind == Kind::number;
		break;
	case TypeId::date:
	case TypeId::timestamp:
	case TypeId::timestamptz:
	case TypeId::uuid:
		break;
	default:
		accepted = string || kind == Kind::number;
	}
	if (!accepted)
		return mismatch(type, with_article(kind), error);

	switch (type.id)
	{
	case TypeId::smallint:
	case TypeId::integer:
	case TypeId::bigint:
		return encode_integer(type, value, out, error);
	case TypeId::numeric:
		return encode_numeric(type, trim_ascii(value.text()), out, error);
	case TypeId::real:
		return encode_float<float>(type, value.text(), out, error);
	case TypeId::double_precision:
		return encode_float<double>(type, value.text(), out, error);
	case TypeId::boolean:
	{
		bool v = boolean && value.truth();
		if (!boolean && !parse_bool(value.text(), v))
			return mismatch(
				type, string ? "text that is not a boolean" : "a number other than 0 and 1", error);
		out += v ? '\1' : '\0';
		return true;
	}
	case TypeId::text:
		if (boolean)
			return encode_text(type, value.truth() ? "true" : "false", out, error);
		return encode_text(type, value.text(), out, error);
	case TypeId::date:
		return encode_date(type, value.text(), out, error);
	case TypeId::timestamp:
	case TypeId::timestamptz:
		return encode_timestamp(type, value.text(), out, error);
	case TypeId::uuid:
		return encode_uuid(type, value.text(), out, error);
	case TypeId::json:
	case TypeId::jsonb:
		break;
	}
	return false;
}

} // namespace etl
