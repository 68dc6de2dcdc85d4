// Describes a regular expression in words, for people who have to correct a value and need not know
// regular expressions.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The words that follow "must" or "must not": "consist of 3 upper-case letters A to Z and 4
/// digits", "be a date written as YYYY-MM-DD", "begin with "INV-"". Empty if the expression has no
/// short and exact description (look-around, back references, long alternatives, …). The pattern
/// must be a valid pattern of ECMA-262.
std::string pattern_words(std::string_view pattern);

} // namespace etl
