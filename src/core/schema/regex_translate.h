// Patterns of ECMA-262 rewritten for PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Rewrites an ECMA-262 pattern for PCRE2. False, with what is wrong, when it is none.
///
/// Unicode patterns (flag u) with the leniency that patterns in the wild need: any punctuation may
/// be escaped, and "{", "}" and "]" stand for themselves where they can mean nothing else. Escapes
/// that ECMA-262 lacks (\A, \Z, \Q …) and inline flags are refused rather than guessed at. Not
/// covered: lookbehind of unlimited length, lone surrogates and v-flag classes.
bool translate_pattern(std::string_view pattern, std::string &out, std::string &error);

} // namespace etl
