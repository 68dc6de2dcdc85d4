// URI references (RFC 3986), as far as $id and $ref need them.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// The reference resolved against the base (section 5.2). Without a base that has a scheme the
/// result is relative itself, which is good enough as a name.
std::string resolve_uri(std::string_view base, std::string_view reference);

/// Splits off the fragment, without "#".
std::string_view without_fragment(std::string_view uri, std::string_view &fragment);

/// False for a bad escape.
bool percent_decode(std::string_view text, std::string &out);

} // namespace etl
