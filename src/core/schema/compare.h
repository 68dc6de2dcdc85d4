// Comparing values as JSON Schema does: enum, const, uniqueItems.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/json/document.h"

namespace etl
{

struct Constants;

/// 1.0 and 1e2 are integers (draft-07 section 6.1.1).
bool is_integer(std::string_view number);
/// Equal as JSON Schema says (core, 4.2.3): numbers by value, members in any order.
bool equal(Value a, Value b);
/// Two equal elements of an array, by position; false when there are none.
bool find_repeated(Value array, uint32_t &first, uint32_t &second);
bool contains_value(const Constants &constants, Value value);

} // namespace etl
