// Comparison of values as in JSON Schema, for enum, const and uniqueItems.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/json/document.h"

namespace etl
{

struct Constants;

/// Whether the number has no fraction: 1.0 and 1e2 are integers (draft-07, validation, section
/// 6.1.1).
bool is_integer(std::string_view number);
/// Equality of JSON Schema (core, section 4.2.3): numbers are compared by value, and the order of
/// members does not matter.
bool equal(Value a, Value b);
/// Finds two equal elements of an array and stores their positions. Returns false if all elements
/// differ.
bool find_repeated(Value array, uint32_t &first, uint32_t &second);
bool contains_value(const Constants &constants, Value value);

} // namespace etl
