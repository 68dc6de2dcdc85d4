// Encoded values as keys: their canonical text and their order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types/column_type.h"

namespace etl
{

/// The text that PostgreSQL would print for an encoded value. The type must be usable as a key
/// (integers, numeric, text, uuid, date, timestamps, boolean). This is the canonical key: equal
/// values have the same text ("067318" and 67318 as bigint both give "67318").
std::string canonical_text(const ColumnType &type, std::string_view encoded);

/// A number whose order is PostgreSQL's order of the values of the type, as far as eight bytes can
/// tell. It is used to sort rows by key before they are loaded, so equal numbers for different
/// values only cost speed.
uint64_t sort_prefix(const ColumnType &type, std::string_view encoded);

} // namespace etl
