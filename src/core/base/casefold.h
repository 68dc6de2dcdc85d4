// Text that compares equal whatever its case: Unicode case folding and trimming, the same for what
// is erased (emails, and etl.fold_email in SQL) and for what etl_locate finds, whatever the
// database's collation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl
{

/// Full case folding of UTF-8 (Unicode, section 3.13; CaseFolding.txt, status C and F), by ICU.
/// Bytes that are no UTF-8 stay as they are. Unicode promises that the folding of a character that
/// is assigned never changes: hashes of folded text stay valid from one version of ICU to the next.
std::string fold_case(std::string_view text);

/// The folding of one character: itself, another one, or up to three.
std::u32string fold_character(char32_t c);

/// The characters whose folding begins with that character, itself among them where it folds to
/// itself.
const std::vector<char32_t> &characters_folding_to(char32_t first);

/// Without the white space, control and zero-width characters at both ends.
std::string_view trim_unicode(std::string_view text);

} // namespace etl
