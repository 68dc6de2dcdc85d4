// Numbers within a certain range, which regular expressions write digit by digit.
#pragma once

#include "core/schema/pattern_parse.h"

namespace etl::pattern
{

/// Any digit, however often.
bool is_any_digits(const Item &item);

/// Runs of digits that are less than all numbers of their length, such as (0[1-9]|1[0-2]), become
/// items of kind number.
Sequence with_numbers(const Sequence &sequence);

} // namespace etl::pattern
