// Unicode case folding and trimming, for comparisons that ignore case. Erasure (of emails;
// etl.fold_email in SQL) and etl_locate use the same functions. The result does not depend on the
// collation of the database.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// Full case folding of UTF-8 (Unicode, section 3.13; CaseFolding.txt, status C and F), by ICU.
/// Bytes that are not UTF-8 stay as they are. Unicode guarantees that the folding of an assigned
/// character never changes, so hashes of folded text stay valid with a later version of ICU.
std::string fold_case(std::string_view text);

/// The folding of one character: one to three characters.
std::u32string fold_character(char32_t c);

/// All characters whose folding begins with `first`. This includes `first` if it folds to itself.
const std::vector<char32_t> &characters_folding_to(char32_t first);

/// The text without the white space, control and zero-width characters at both ends.
std::string_view trim_unicode(std::string_view text);

} // namespace etl
