#include "core/base/casefold.h"

#include <unicode/uchar.h>

#include <gtest/gtest.h>

#include "core/base/hash.h"
#include "core/base/utf8.h"

using namespace etl;

TEST(Casefold, FoldsFully)
{
	EXPECT_EQ(fold_case("Ann@Example.COM"), "ann@example.com");
	EXPECT_EQ(fold_case("STRAẞE"), "strasse");
	EXPECT_EQ(fold_case("ΟΔΟΣ οδος"), "οδοσ οδοσ");
	EXPECT_EQ(fold_case("İ"), "i\xcc\x87");
	EXPECT_EQ(fold_case("a\xff\xc3Z"), "a\xff\xc3z") << "bytes that are no UTF-8 stay";
}

/// Hashes of folded emails are stored, so they must be the same with every version of ICU. The
/// digest is that of the folding of each character, with a line for each, according to the table of
/// Unicode 14 that earlier versions contained. Characters that were assigned later count as
/// unfolded.
TEST(Casefold, KeepsWhatIsStored)
{
	std::string all;
	for (char32_t c = 1; c <= 0x10ffff; ++c)
	{
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		UVersionInfo age;
		u_charAge(static_cast<UChar32>(c), age);
		std::string character;
		append_character(character, c);
		all += age[0] == 0 || age[0] > 14 ? character : fold_case(character);
		all += '\n';
	}
	const Sha256 hash = sha256(all);
	EXPECT_EQ(to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()}),
			  "b9192712839002aff0e32bf3cf00bc8fdaf7ff4adc8e13ff70967d9ebe272e61");
}

TEST(Casefold, KnowsWhatFoldsToACharacter)
{
	const std::vector<char32_t> &s = characters_folding_to(U's');
	EXPECT_EQ(std::u32string(s.begin(), s.end()).find(U'ß') == std::u32string::npos, false);
	EXPECT_TRUE(characters_folding_to(U'[').empty());
}

TEST(Casefold, TrimsWhatCannotBeSeen)
{
	EXPECT_EQ(trim_unicode("\u00a0\u200b a b\t\u3000"), "a b");
	EXPECT_EQ(trim_unicode("\u3000\ufeff"), "");
	EXPECT_EQ(trim_unicode("\xff a \x80"), "\xff a \x80") << "bytes that are no UTF-8 stay";
}
