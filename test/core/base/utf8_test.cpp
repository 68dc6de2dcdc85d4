#include "core/base/utf8.h"

#include <gtest/gtest.h>

using namespace etl;

namespace
{

/// The characters that were taken, and the rest of the text.
std::pair<std::u32string, std::string>
take_all(std::string_view text)
{
	std::u32string taken;
	char32_t c;
	while (take_character(text, c))
		taken += c;
	return {taken, std::string(text)};
}

} // namespace

TEST(Utf8, TakesCharacters)
{
	EXPECT_EQ(take_all("aß€😀"), std::make_pair(std::u32string(U"aß€😀"), std::string()));
	EXPECT_EQ(take_all(std::string_view("\0x", 2)).first.size(), 2u);
}

TEST(Utf8, TakesNothingElse)
{
	for (const char *bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
							"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
							"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3x"})
	{
		const auto [taken, left] = take_all(bad);
		EXPECT_TRUE(taken.empty()) << left;
		EXPECT_EQ(left, bad);
	}
}

TEST(Utf8, AppendsWhatItTakes)
{
	for (char32_t c = 0; c <= 0x10ffff; ++c)
	{
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		std::string text;
		append_character(text, c);
		std::string_view rest = text;
		char32_t taken;
		ASSERT_TRUE(take_character(rest, taken));
		ASSERT_EQ(taken, c);
		ASSERT_TRUE(rest.empty());
	}
}

TEST(Utf8, StorableTextIsValid)
{
	EXPECT_EQ(storable_text(std::string_view("a\0b\xff€\xed\xa0\x80", 10)),
			  "a\ufffd"
			  "b\ufffd€\ufffd\ufffd\ufffd");
}
