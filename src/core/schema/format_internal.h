// Reading of characters, for core/schema/format*.cpp only.
#pragma once

#include <string_view>

namespace etl
{

namespace format_detail
{

/// Decodes the UTF-8 character at s[at] and moves `at` behind it.
char32_t next_character(std::string_view s, size_t &at);

} // namespace format_detail

} // namespace etl
