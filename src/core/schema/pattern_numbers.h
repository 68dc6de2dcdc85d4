// Finds ranges of numbers in regular expressions, which can only describe them digit by digit.
#pragma once

#include "core/schema/pattern_parse.h"

namespace etl::pattern
{

/// Whether the item matches any digit, whatever its number of repetitions.
bool is_any_digits(const Item &item);

/// Replaces runs of digits with items of kind number if the runs match only some of the numbers of
/// their length, as (0[1-9]|1[0-2]) does.
Sequence with_numbers(const Sequence &sequence);

} // namespace etl::pattern
