// Host names and addresses: RFC 1123, RFC 2673, RFC 4291 and IDNA 2008.
#pragma once

#include <string_view>

namespace etl
{

namespace format_detail
{

bool is_ipv4(std::string_view s);
bool is_ipv6(std::string_view s);
bool is_hostname(std::string_view s);
bool is_idn_hostname(std::string_view s);

} // namespace format_detail

} // namespace etl
