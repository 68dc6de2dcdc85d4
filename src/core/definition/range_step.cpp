#include "core/definition/range_step.h"

#include <charconv>
#include <string>

#include "core/json/decimal.h"

namespace etl
{

std::optional<RangeStep>
read_range_step(std::string_view text)
{
	const std::optional<Decimal> step = Decimal::parse(text);
	if (!step || step->is_zero() || step->is_negative())
		return std::nullopt;
	std::string digits = step->digits();
	int64_t exponent = step->exponent();
	if (exponent > 18 || exponent < -18)
		return std::nullopt;
	for (; exponent > 0; --exponent)
		digits += '0';
	if (digits.size() > 18)
		return std::nullopt;
	RangeStep result;
	std::from_chars(digits.data(), digits.data() + digits.size(), result.units);
	result.exponent = exponent;
	return result;
}

} // namespace etl
