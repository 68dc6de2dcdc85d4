// The step of "generalize" to a range: reading it, for definitions and for rounding.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl
{

/// A decimal greater than 0: units * 10^exponent.
struct RangeStep
{
	uint64_t units = 0;
	int64_t exponent = 0; ///< 0 or less
};

/// Reads a decimal number that is greater than 0 and has at most 18 digits. Returns nothing for any
/// other text.
std::optional<RangeStep> read_range_step(std::string_view text);

} // namespace etl
