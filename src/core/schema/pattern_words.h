// What a regular expression asks for, in words: for people who have to mend a value and need not
// know how to read one.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// What follows "must" or "must not": "consist of 3 upper-case letters A to Z and 4 digits",
/// "be a date written as YYYY-MM-DD", "begin with "INV-"". Empty for an expression that has no
/// short and exact description (look-around, back references, long alternatives, …): nothing is
/// guessed. The pattern is a valid one of ECMA-262.
std::string pattern_words(std::string_view pattern);

} // namespace etl
