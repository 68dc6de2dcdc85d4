// Values of type numeric. numeric_recv() reads the number of base-10000 digits, the weight (the
// power of 10000) of the first digit, the sign, the number of decimal digits after the point, and
// the digits, all as int16 (src/backend/utils/adt/numeric.c).
#include "core/types/encode_numeric.h"

#include <algorithm>

#include "core/base/big_endian.h"
#include "core/json/decimal.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

namespace
{

constexpr int64_t max_whole_digits = 131072;
constexpr int64_t max_scale = 16383;
constexpr uint16_t sign_negative = 0x4000;
/// Signs of the special values that are not numbers (numeric.c: NUMERIC_NAN and so on).
constexpr uint16_t sign_nan = 0xC000;
constexpr uint16_t sign_infinity = 0xD000;
constexpr uint16_t sign_minus_infinity = 0xF000;

int64_t
floor4(int64_t v)
{
	return v >= 0 ? v / 4 : -((3 - v) / 4);
}

/// Appends digits * 10^exponent as numeric_send() does: groups of four decimal digits.
void
append_numeric(std::string &out, std::string_view digits, int64_t exponent, int64_t scale,
			   bool is_negative)
{
	if (digits.empty())
	{
		append_int16(out, 0);
		append_int16(out, 0);
		append_int16(out, 0);
		append_int16(out, static_cast<int16_t>(scale));
		return;
	}
	const int64_t whole = static_cast<int64_t>(digits.size()) + exponent; // digits before the point
	const int64_t weight = floor4(whole - 1);
	const int64_t count = weight - floor4(exponent) + 1;
	append_int16(out, static_cast<int16_t>(count));
	append_int16(out, static_cast<int16_t>(weight));
	append_int16(out, static_cast<int16_t>(is_negative ? sign_negative : 0));
	append_int16(out, static_cast<int16_t>(scale));
	size_t next = 0;
	int64_t place = weight * 4 + 3; // power of ten of the next decimal digit
	for (int64_t i = 0; i < count; ++i)
	{
		int group = 0;
		for (int k = 0; k < 4; ++k, --place)
		{
			group *= 10;
			if (place < whole && next < digits.size())
				group += digits[next++] - '0';
		}
		append_int16(out, static_cast<int16_t>(group));
	}
}

} // namespace

bool
fits_numeric(std::string_view number)
{
	const auto value = Decimal::parse(number);
	if (!value || value->exponent() < -max_scale)
		return false;
	char buffer[20];
	return value->is_zero() ||
		   static_cast<int64_t>(value->digits(buffer).size()) + value->exponent() <=
			   max_whole_digits;
}

bool
encode_numeric(const ColumnType &type, std::string_view text, std::string &out, TypeError &error)
{
	const auto value = Decimal::parse(text);
	if (!value)
		return mismatch(type, "text that is not a number", error);

	char buffer[20];
	std::string_view digits = value->digits(buffer);
	int64_t exponent = value->exponent();
	int64_t scale = std::max<int64_t>(-exponent, 0);
	// numeric_in() checks the scale of the text before it rounds
	if (scale > max_scale)
		return out_of_range(type, error);
	std::string rounded;
	if (value->is_zero())
		digits = {};
	if (type.precision >= 0)
	{
		scale = std::max(type.scale, 0);
		const int64_t size = static_cast<int64_t>(digits.size());
		const int64_t kept = size + exponent + type.scale;
		if (kept < size && size > 0)
		{
			const bool up = kept >= 0 && digits[static_cast<size_t>(kept)] >= '5';
			digits = digits.substr(0, static_cast<size_t>(std::max<int64_t>(kept, 0)));
			exponent = -type.scale;
			if (up)
			{
				rounded = digits;
				size_t i = rounded.size();
				while (i > 0 && rounded[i - 1] == '9')
					rounded[--i] = '0';
				if (i > 0)
					++rounded[i - 1];
				else
					rounded.insert(rounded.begin(), '1');
				digits = rounded;
			}
		}
	}
	const size_t last = digits.find_last_not_of('0');
	if (last == std::string_view::npos)
		digits = {};
	else
	{
		exponent += static_cast<int64_t>(digits.size() - last - 1);
		digits = digits.substr(0, last + 1);
	}

	const int64_t whole = static_cast<int64_t>(digits.size()) + exponent; // digits before the point
	if (!digits.empty() && type.precision >= 0 && whole > type.precision - type.scale)
		return out_of_range(type, error);
	if ((!digits.empty() && whole > max_whole_digits) || scale > max_scale)
		return out_of_range(type, error);

	append_numeric(out, digits, exponent, scale, value->is_negative());
	return true;
}

std::string
numeric_text(std::string_view encoded, bool keep_scale)
{
	const int count = load_be<uint16_t>(encoded);
	const int weight = static_cast<int16_t>(load_be<uint16_t>(encoded, 2));
	const int scale = load_be<uint16_t>(encoded, 6);
	const uint16_t sign = load_be<uint16_t>(encoded, 4);
	if (sign == sign_nan)
		return "NaN";
	if (sign == sign_infinity || sign == sign_minus_infinity)
		return sign == sign_infinity ? "Infinity" : "-Infinity";
	const auto group = [&](int i) {
		return i < 0 || i >= count ? 0 : load_be<uint16_t>(encoded, 8 + 2 * static_cast<size_t>(i));
	};
	std::string out;
	if (sign == sign_negative)
		out += '-';
	if (weight < 0 || count == 0)
		out += '0';
	for (int i = 0; i <= weight && count > 0; ++i)
	{
		const std::string four = std::to_string(group(i));
		if (i > 0)
			out.append(4 - four.size(), '0');
		out += four;
	}
	if (scale > 0)
	{
		out += '.';
		const size_t end = out.size() + static_cast<size_t>(scale);
		for (int i = weight + 1; out.size() < end; ++i)
		{
			const std::string four = std::to_string(group(i));
			out.append(4 - four.size(), '0').append(four);
		}
		out.resize(end);
		if (!keep_scale)
		{
			out.resize(out.find_last_not_of('0') + 1);
			if (out.back() == '.')
				out.pop_back();
		}
	}
	return out;
}

uint64_t
numeric_prefix(std::string_view encoded)
{
	constexpr uint64_t zero = uint64_t{1} << 63;
	const int count = load_be<uint16_t>(encoded);
	const uint16_t sign = load_be<uint16_t>(encoded, 4);
	if (sign == sign_nan || sign == sign_infinity)
		return UINT64_MAX;
	if (sign == sign_minus_infinity)
		return 0;
	if (count == 0)
		return zero;
	uint64_t digits = 0; // the first three base-10000 digits, and 7 bits of the fourth
	for (int i = 0; i < 3; ++i)
		digits = digits * 10000 +
				 (i < count ? load_be<uint16_t>(encoded, 8 + 2 * static_cast<size_t>(i)) : 0u);
	digits = digits << 7 | (count > 3 ? load_be<uint16_t>(encoded, 14) * 128u / 10000u : 0u);
	const uint64_t weight = load_be<uint16_t>(encoded, 2) ^ 0x8000u;
	const uint64_t magnitude = weight << 47 | digits;
	return sign == sign_negative ? ~(zero | magnitude) : zero | magnitude;
}

} // namespace etl
