// URIs, IRIs and URI templates: RFC 3986, RFC 3987 and RFC 6570.
#pragma once

#include <string_view>

namespace etl
{

namespace format_detail
{

/// Whether the text is a URI (RFC 3986), or an IRI (RFC 3987) if `international`. With
/// `needs_scheme`, relative references are refused.
bool is_uri(std::string_view s, bool international, bool needs_scheme);
bool is_uri_template(std::string_view s);

} // namespace format_detail

} // namespace etl
