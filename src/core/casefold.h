// Text that compares equal whatever its case: Unicode case folding and trimming, the same in C++
// and (etl.fold_email) in SQL, whatever the database's collation.
#pragma once

#include <string>
#include <string_view>

namespace etl
{

/// Full case folding of UTF-8 (Unicode, section 3.13). Bytes that are no UTF-8 stay as they are.
std::string fold_case(std::string_view text);

/// Without the white space, control and zero-width characters at both ends.
std::string_view trim_unicode(std::string_view text);

} // namespace etl
