// The step of "generalize" to a range: as definitions write it, and as numbers are rounded by it.
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

/// Nothing where the text is no decimal greater than 0 of at most 18 digits.
std::optional<RangeStep> read_range_step(std::string_view text);

} // namespace etl
