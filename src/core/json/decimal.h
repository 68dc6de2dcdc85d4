// Exact decimal numbers, as JSON writes them.
//
// Binary floating point says that 1.005 × 1 is not 1.005; money must not. Values of up to 18
// digits are computed in machine integers, longer ones digit by digit.
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
	/// Reads [+-] digits [. digits] [e [+-] digits]: JSON's grammar (RFC 8259 section 6), and also
	/// a plus sign, leading zeros and ".5" or "5.". Nothing else: no spaces, "NaN" or "Infinity".
	static std::optional<Decimal> parse(std::string_view text);

	/// <0, 0, >0. Exact for any exponent.
	int compare(const Decimal &other) const;
	bool is_zero() const;
	bool is_negative() const;
	/// No fraction: 1.0 and 1e2 are integers (JSON Schema draft-07 section 6.1.1).
	bool is_integer() const;
	/// other must not be zero. Exact for any exponent.
	bool is_multiple_of(const Decimal &other) const;

	/// Sum and product; nullopt where the result would need more than 1,000 digits.
	static std::optional<Decimal> add(const Decimal &a, const Decimal &b);
	static std::optional<Decimal> multiply(const Decimal &a, const Decimal &b);

	/// As a JSON number without exponent where it is short ("12.50" stays "12.50": the scale that
	/// was written is kept), else with one.
	std::string to_string() const;

	// value = (negative ? -1 : 1) * digits * 10^exponent
	/// The significant digits as written, without leading zeros; "0" for zero.
	std::string digits() const;
	/// The same without allocation: in the buffer, or in this object.
	std::string_view digits(char (&buffer)[20]) const;
	int64_t exponent() const { return exponent_; }

  private:
	/// Takes the digits (leading zeros allowed), small where they fit.
	void set_digits(std::string_view digits);
	/// The same value with the trailing zeros in the exponent.
	Decimal trimmed() const;
	static std::optional<Decimal> add_long(const Decimal &a, const Decimal &b, int64_t exponent);

	bool negative_ = false;
	bool small_ = true;       ///< magnitude_ holds it; else long_digits_ does
	uint64_t magnitude_ = 0;  ///< below 10^18
	int64_t exponent_ = 0;    ///< within ±10^18: sums of two can't overflow
	std::string long_digits_; ///< 19 digits or more, the first not 0
};

} // namespace etl
