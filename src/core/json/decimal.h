// Exact decimal numbers, as JSON writes them.
//
// Binary floating point cannot hold numbers such as 1.005 exactly, which amounts of money need.
// Values of up to 18 digits are computed in machine integers, longer values digit by digit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace etl
{

class Decimal
{
  public:
	/// Reads [+-] digits [. digits] [e [+-] digits]: the grammar of JSON (RFC 8259, section 6), and
	/// in addition a plus sign, leading zeros and ".5" or "5.". Returns nothing for any other text,
	/// such as text with spaces, "NaN" or "Infinity".
	static std::optional<Decimal> parse(std::string_view text);

	/// Less than 0, 0 or greater than 0, as the order of *this and `other`. Exact for any exponent.
	int compare(const Decimal &other) const;
	bool is_zero() const;
	bool is_negative() const;
	/// Whether the value has no fraction: 1.0 and 1e2 are integers (JSON Schema draft-07,
	/// validation, section 6.1.1).
	bool is_integer() const;
	/// `other` must not be zero. Exact for any exponent.
	bool is_multiple_of(const Decimal &other) const;

	/// Sum and product. Nothing if the result would need more than 1,000 digits.
	static std::optional<Decimal> add(const Decimal &a, const Decimal &b);
	static std::optional<Decimal> multiply(const Decimal &a, const Decimal &b);

	/// A JSON number: without an exponent if that is short, else with an exponent. Zeros at the end
	/// of the fraction are kept ("12.50" stays "12.50").
	std::string to_string() const;

	// value = (negative ? -1 : 1) * digits * 10^exponent
	/// The significant digits as written, without leading zeros; "0" for zero.
	std::string digits() const;
	/// Like digits(), without allocation: the result points into `buffer` or into this object.
	std::string_view digits(char (&buffer)[20]) const;
	int64_t exponent() const { return exponent_; }

  private:
	/// Stores the digits, which may have leading zeros, in magnitude_ if they fit there.
	void set_digits(std::string_view digits);
	/// The same value without zeros at the end of its digits; its exponent is larger instead.
	Decimal trimmed() const;
	static std::optional<Decimal> add_long(const Decimal &a, const Decimal &b, int64_t exponent);

	bool negative_ = false;
	bool small_ = true;      ///< magnitude_ has the digits; else long_digits_ has them
	uint64_t magnitude_ = 0; ///< below 10^18
	int64_t exponent_ = 0;   ///< within ±10^18, so that the sum of two exponents does not overflow
	std::string long_digits_; ///< 19 digits or more, the first not 0
};

} // namespace etl
