#include <gtest/gtest.h>

#include "core/search/needle.h"

using namespace etl;

namespace
{

uint64_t
count(const std::string &needle, std::string_view bytes)
{
	return Needle({needle}).count(bytes);
}

TEST(Needle, FindsTheTextWhereverItStands)
{
	EXPECT_EQ(count("ann", "ann"), 1u);
	EXPECT_EQ(count("ann", "an"), 0u);
	EXPECT_EQ(count("ann", "annann xann an"), 3u);
	EXPECT_EQ(count("aa", "aaaa"), 2u) << "matches do not overlap";
	EXPECT_EQ(count("ann", std::string("\0\xff\x80"
									   "ann\0",
									   7)),
			  1u);
	EXPECT_EQ(count("ann", ""), 0u);
	EXPECT_EQ(count("ann", "aann"), 1u);
}

TEST(Needle, IgnoresCase)
{
	EXPECT_EQ(count("Ann@Example.com", "ANN@EXAMPLE.COM ann@example.com"), 2u);
	EXPECT_EQ(count("[x]", "{X}"), 0u) << "only letters have case";
	EXPECT_EQ(count("Ünal Çelik", "ÜNAL ÇELİK ünal çelik"), 2u) << "as lower() has it";
	EXPECT_EQ(count("josé", "JOSÉ"), 1u);
	EXPECT_EQ(count("ΟΔΟΣ", "οδος"), 1u) << "final sigma";
	EXPECT_EQ(count("привет", "ПРИВЕТ"), 1u);
	EXPECT_EQ(count("𐐀𐐁𐐂", "𐐨𐐩𐐪"), 1u) << "beyond the basic plane";
}

/// Folds like the comparison of emails in an erasure, so that etl_locate finds what an erasure
/// finds.
TEST(Needle, FoldsFully)
{
	EXPECT_EQ(count("straße", "STRASSE Straße STRAẞE straſse"), 4u);
	EXPECT_EQ(count("STRASSE", "straße"), 1u);
	EXPECT_EQ(count("sandstrasse@x", R"("SANDSTRA\u00dfE@X")"), 1u);
	EXPECT_EQ(count("office", "oﬃce OFFICE oﬀice"), 3u);
	EXPECT_EQ(count("oﬃce", "office"), 1u);
	EXPECT_EQ(count("asß", "ASSS"), 1u);
	EXPECT_EQ(count("as", "aß"), 0u) << "half a letter is none";
	EXPECT_EQ(count("ß", "ss"), 1u);
	EXPECT_EQ(count("ıI", "II"), 1u) << "dotless, as upper() has it";
}

TEST(Needle, ReadsJsonEscapes)
{
	EXPECT_EQ(count("josé", R"("jos\u00e9" "jos\u00E9" "JOS\u00C9" "jos\u00e")"), 3u);
	EXPECT_EQ(count("a/b", R"(a\/b)"), 1u);
	EXPECT_EQ(count("ann@x", "\\u0061\\u006e\\u006E\\u0040x"), 1u);
	EXPECT_EQ(count("x😀y", R"(x\ud83d\ude00y)"), 1u);
	EXPECT_EQ(count("x😀y", R"(x\ud83dy)"), 0u);
	EXPECT_EQ(count("a\"b", R"(a\"b)"), 1u);
	EXPECT_EQ(count("a\\b", R"(a\\b a\b)"), 2u);
	EXPECT_EQ(count("a\nb", R"(a\nb)"), 1u);
	EXPECT_EQ(count("anb", R"(a\nb)"), 0u) << "an escape is not its letter";
	EXPECT_EQ(count("abc", R"(\abc)"), 1u) << "what is no escape does not hide what follows";
}

TEST(Needle, ReadsEscapesOfEscapes)
{
	EXPECT_EQ(count("josé", R"({\"name\":\"jos\\u00e9\"})"), 1u);
	EXPECT_EQ(count("a\"b", R"(a\\\"b)"), 1u);
	EXPECT_EQ(count("x😀y", R"(x\\ud83d\\ude00y)"), 1u);
	EXPECT_EQ(count("a\\b", R"(a\\\\b)"), 1u);
}

TEST(Needle, TakesOtherSpellings)
{
	const Needle needle({"caf\u00e9", "cafe\u0301"});
	EXPECT_EQ(needle.count("CAFE\u0301 caf\u00e9 cafe"), 2u);
	const Needle broken({std::string("a\xff"
									 "b")});
	EXPECT_EQ(broken.count("a\xff"
						   "b"),
			  1u);
}

TEST(NeedleStream, FindsWhatIsCutBetweenPieces)
{
	const std::string text = "x josé@example.com y jos\\u00E9@EXAMPLE.com z";
	const Needle needle({"josé@example.com"});
	for (size_t size = 1; size <= text.size(); ++size)
	{
		NeedleStream stream(needle);
		for (size_t at = 0; at < text.size(); at += size)
			stream.feed(std::string_view(text).substr(at, size));
		EXPECT_EQ(stream.finish(), 2u) << size;
	}
}

TEST(NeedleStream, HoldsLittle)
{
	const Needle needle({"abc"});
	NeedleStream stream(needle);
	uint64_t expected = 0;
	std::string piece(100000, 'x');
	piece.replace(99998, 2, "ab");
	for (int i = 0; i < 50; ++i)
	{
		stream.feed(piece);
		stream.feed("c");
		++expected;
	}
	EXPECT_EQ(stream.finish(), expected);
	EXPECT_EQ(stream.finish(), 0u) << "starts anew";
}

} // namespace
