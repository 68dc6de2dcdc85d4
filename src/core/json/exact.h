// A JSON text as nlohmann::json without rounding its numbers.
//
// nlohmann::json holds 64-bit integers and doubles, and refuses a number that is larger than a
// double. A definition's numbers mean what they say, so those that neither can hold are kept as
// they are written, in a value of kind binary with a subtype of its own (JSON has no binary). They
// are copied with the tree, whatever becomes of it.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "core/json/document.h"

namespace etl
{

/// Throws std::invalid_argument with the parser's message where the text is no JSON.
nlohmann::json parse_exact(std::string_view text);
bool is_number(const nlohmann::json &value);
/// As JSON text; numbers as they were written, or as short as they can be. Bytes that are no UTF-8
/// (of a tree that was not parsed) are replaced.
std::string dump_exact(const nlohmann::json &value);

} // namespace etl
