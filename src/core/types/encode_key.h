// Encoded values as keys: their canonical text, and their order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types/column_type.h"

namespace etl
{

/// The text form PostgreSQL would print for an encoded value of a type usable as a key (integers,
/// numeric, text, uuid, date, timestamps, boolean): the canonical key, equal for equal values
/// ("067318" and 67318 as bigint both give "67318").
std::string canonical_text(const ColumnType &type, std::string_view encoded);

/// A byte string that sorts (memcmp) as PostgreSQL sorts the type's values, as far as prefix_bytes
/// say; used to order rows by key before they are loaded, so ties and prefixes only cost speed.
uint64_t sort_prefix(const ColumnType &type, std::string_view encoded);

} // namespace etl
