#include <gtest/gtest.h>

#include <random>

#include "compressed.h"
#include "core/search/block_codec.h"

using namespace etl;

namespace
{

std::string
random_text(std::mt19937 &random, size_t size)
{
	std::string text;
	while (text.size() < size)
		text += random() % 3 == 0 && !text.empty()
					? text.substr(random() % text.size(), random() % 600)
					: std::string(1, static_cast<char>(random() % 256));
	text.resize(size);
	return text;
}

std::string
unpack(unsigned method, std::string_view input, size_t raw_size, Decoded &end)
{
	std::string out;
	end = decode_method(method, input, raw_size, [&](std::string_view piece) { out += piece; });
	return out;
}

TEST(BlockCodec, GivesBackWhatWasCompressed)
{
	std::mt19937 random(1);
	for (unsigned method = 0; method < 2; ++method)
		for (const size_t size : {1, 2, 20, 300, 5000, 9000})
		{
			const std::string raw = random_text(random, size);
			const std::string stored = method == 0 ? test::pglz(raw) : test::lz4(raw);
			Decoded end;
			EXPECT_EQ(unpack(method, stored, raw.size(), end), raw) << method << " " << size;
			EXPECT_EQ(end, Decoded::complete) << method << " " << size;
		}
}

TEST(BlockCodec, LargeOutputComesInPieces)
{
	// 20 MB from one repeated sequence
	const size_t size = 20u << 20;
	std::string lz4 = std::string("\x1f", 1) + "a" + std::string("\x01\x00", 2);
	for (size_t n = size - 1 - 5 - 4 - 15;; n -= 255)
	{
		if (n < 255)
		{
			lz4 += static_cast<char>(n);
			break;
		}
		lz4 += '\xff';
	}
	lz4 += std::string("\x50", 1) + "aaaaa";
	size_t total = 0, largest = 0;
	const Decoded end = decode_lz4(lz4, size,
								   [&](std::string_view piece)
								   {
									   total += piece.size();
									   largest = std::max(largest, piece.size());
								   });
	EXPECT_EQ(end, Decoded::complete);
	EXPECT_EQ(total, size);
	EXPECT_LE(largest, 2u << 20);
}

TEST(BlockCodec, APrefixGivesItsOutput)
{
	std::mt19937 random(2);
	const std::string raw = random_text(random, 4000);
	for (unsigned method = 0; method < 2; ++method)
	{
		const std::string stored = method == 0 ? test::pglz(raw) : test::lz4(raw);
		for (size_t cut = 0; cut < stored.size(); cut += 7)
		{
			Decoded end;
			const std::string out = unpack(method, stored.substr(0, cut), raw.size(), end);
			EXPECT_EQ(raw.compare(0, out.size(), out), 0);
			EXPECT_EQ(end, Decoded::prefix);
		}
	}
}

TEST(BlockCodec, AnythingElseIsHarmless)
{
	std::mt19937 random(3);
	for (int round = 0; round < 20000; ++round)
	{
		std::string input(random() % 200, '\0');
		for (char &c : input)
			c = static_cast<char>(random());
		const size_t raw = random() % 5000;
		for (unsigned method = 0; method < 4; ++method)
		{
			Decoded end;
			EXPECT_LE(unpack(method, input, raw, end).size(), raw);
		}
	}
	Decoded end;
	unpack(0, std::string("\x01\x00\x05", 3), 100, end);
	EXPECT_EQ(end, Decoded::damaged) << "a reference to nothing";
	unpack(1, std::string("\x00\x05\x00", 3), 100, end);
	EXPECT_EQ(end, Decoded::damaged) << "a reference to nothing";
}

TEST(BlockCodec, ImplausibleSizesAreRefusedBeforehand)
{
	EXPECT_TRUE(plausible_sizes(0, 100, 4000));
	EXPECT_FALSE(plausible_sizes(0, 100, 100000));
	EXPECT_TRUE(plausible_sizes(1, 100, 25000));
	EXPECT_FALSE(plausible_sizes(2, 100, 4000));
	EXPECT_FALSE(plausible_sizes(0, 4000, 100));
}

} // namespace
