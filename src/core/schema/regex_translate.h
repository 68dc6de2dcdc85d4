// Translates patterns of ECMA-262 for PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Translates a pattern of ECMA-262 for PCRE2. Returns false and sets `error` if it is invalid.
///
/// Patterns are read as Unicode patterns (flag u), but as leniently as many existing patterns need:
/// any punctuation may be escaped, and "{", "}" and "]" stand for themselves where they have no
/// other meaning. Escapes that ECMA-262 does not have (\A, \Z, \Q …) and inline flags are refused.
/// Not supported: lookbehind of unlimited length, lone surrogates and classes of the flag v.
bool translate_pattern(std::string_view pattern, std::string &out, std::string &error);

} // namespace etl
