// Characters as the formats see them. Nobody outside core/schema/format*.cpp includes it.
#pragma once

#include <string_view>

namespace etl
{

namespace format_detail
{

/// Decodes the UTF-8 character at s[at] and moves on.
char32_t next_character(std::string_view s, size_t &at);

} // namespace format_detail

} // namespace etl
