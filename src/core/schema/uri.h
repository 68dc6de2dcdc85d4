// URI references (RFC 3986), as far as $id and $ref need them.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Resolves the reference against the base (RFC 3986, section 5.2). If neither has a scheme, the
/// result is a relative reference, which is sufficient as a name.
std::string resolve_uri(std::string_view base, std::string_view reference);

/// Returns the URI without its fragment, and stores the fragment without "#".
std::string_view without_fragment(std::string_view uri, std::string_view &fragment);

/// Returns false if an escape is invalid.
bool percent_decode(std::string_view text, std::string &out);

} // namespace etl
