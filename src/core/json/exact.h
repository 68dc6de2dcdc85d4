// A JSON text as nlohmann::json without rounding of its numbers.
//
// nlohmann::json holds 64-bit integers and doubles, and refuses numbers that are larger than a
// double. The numbers of a definition must stay exact. A number that neither an integer nor a
// double holds is therefore kept as text, in a value of kind binary with a subtype of its own (JSON
// has no binary values). Such values are copied with the tree like any other.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "core/json/document.h"

namespace etl
{

/// Throws std::invalid_argument with the parser's message if the text is not JSON.
nlohmann::json parse_exact(std::string_view text);
bool is_number(const nlohmann::json &value);
/// The value as JSON text. Numbers are written as they were read, or in the shortest form. Bytes
/// that are not UTF-8 (in a tree that was not parsed) are replaced.
std::string dump_exact(const nlohmann::json &value);

} // namespace etl
