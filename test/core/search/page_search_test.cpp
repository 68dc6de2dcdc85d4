#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compressed.h"
#include "core/search/page_search.h"
#include "core/search/toast_assembler.h"

using namespace etl;

namespace
{

constexpr size_t page_size = 8192;
const std::string person = "josephine.q@example.com";

/// A page that is being built.
struct Page
{
	std::string bytes = std::string(page_size, '\0');
	uint16_t lower = 24, upper = page_size;

	Page() { finish(); }
	void put(size_t at, std::string_view what) { bytes.replace(at, what.size(), what); }
	template <typename T>
	void number(size_t at, T value)
	{
		memcpy(bytes.data() + at, &value, sizeof value);
	}
	void finish()
	{
		number<uint16_t>(12, lower);
		number<uint16_t>(14, upper);
		number<uint16_t>(16, page_size);
		number<uint16_t>(18, page_size | 4);
	}
	/// Adds a row and returns its offset. `natts` is the number of columns.
	size_t row(const std::string &columns, uint16_t natts = 2, bool pointer = true)
	{
		const size_t size = 24 + columns.size();
		upper = static_cast<uint16_t>((upper - size) & ~size_t{7});
		number<uint16_t>(upper + 18u, natts);
		number<uint16_t>(upper + 20u, 2);
		bytes[upper + 22u] = 24;
		put(upper + 24u, columns);
		number<uint32_t>(lower, pointer ? upper | 1u << 15 | static_cast<uint32_t>(size) << 17 : 0);
		lower = static_cast<uint16_t>(lower + 4);
		finish();
		return upper;
	}
};

std::string
chunk_columns(uint32_t id, uint32_t sequence, const std::string &data)
{
	std::string columns(12, '\0');
	const uint32_t header = static_cast<uint32_t>(data.size() + 4) << 2;
	memcpy(columns.data(), &id, 4);
	memcpy(columns.data() + 4, &sequence, 4);
	memcpy(columns.data() + 8, &header, 4);
	return columns + data;
}

std::vector<PageHit>
search(const std::string &page, std::vector<ToastChunk> *chunks = nullptr)
{
	const Needle needle({person});
	std::vector<PageHit> hits;
	PageSearch(needle, page_size).search(page, hits, chunks);
	return hits;
}

TEST(PageSearch, ChunkSizeIsPostgres)
{
	EXPECT_EQ(toast_chunk_size(8192), 1996u);
}

TEST(PageSearch, TellsRowsFromFreeSpace)
{
	Page page;
	page.row("xxxx" + person);
	page.row("nothing");
	page.row(person + " and " + person);
	std::vector<PageHit> hits = search(page.bytes);
	ASSERT_EQ(hits.size(), 2u);
	std::sort(hits.begin(), hits.end(), [](auto &a, auto &b) { return a.item < b.item; });
	EXPECT_EQ(hits[0].item, 1);
	EXPECT_EQ(hits[0].count, 1u);
	EXPECT_EQ(hits[1].item, 3);
	EXPECT_EQ(hits[1].count, 2u);

	Page holes;
	holes.put(1000, person);     // in the free space
	holes.row(person, 2, false); // a row without a line pointer
	hits = search(holes.bytes);
	ASSERT_EQ(hits.size(), 1u);
	EXPECT_EQ(hits[0].item, 0);
	EXPECT_EQ(hits[0].count, 2u);
}

TEST(PageSearch, ReadsCompressedValues)
{
	for (unsigned method = 0; method < 2; ++method)
	{
		const std::string datum = test::inline_datum(test::hidden(person, 3000), method);
		ASSERT_EQ(datum.find(person), std::string::npos);
		Page page;
		page.row("1234" + datum);
		std::vector<PageHit> hits = search(page.bytes);
		ASSERT_EQ(hits.size(), 1u) << method;
		EXPECT_EQ(hits[0].item, 1);
		EXPECT_EQ(hits[0].count, 1u);
		// also in the free space
		Page hole;
		hole.put(512, datum);
		hits = search(hole.bytes);
		ASSERT_EQ(hits.size(), 1u) << method;
		EXPECT_EQ(hits[0].item, 0);
	}
}

TEST(PageSearch, ALiteralInsideACompressedValueCountsOnce)
{
	const std::string datum = test::inline_datum(person + std::string(400, 'x'), 1);
	ASSERT_NE(datum.find(person), std::string::npos);
	Page page;
	page.row(datum);
	const std::vector<PageHit> hits = search(page.bytes);
	ASSERT_EQ(hits.size(), 1u);
	EXPECT_EQ(hits[0].count, 1u);
}

TEST(PageSearch, AnyBytesAreHarmless)
{
	std::mt19937 random(4);
	for (int round = 0; round < 300; ++round)
	{
		std::string bytes(round % 3 == 0 ? random() % page_size : page_size, '\0');
		for (char &c : bytes)
			c = static_cast<char>(random() % (round % 2 ? 256 : 8));
		std::vector<ToastChunk> chunks;
		search(bytes, round % 5 == 0 ? nullptr : &chunks);
	}
	EXPECT_TRUE(search("").empty());
}

/// Splits a value into chunks as PostgreSQL does.
std::vector<std::string>
pieces(const std::string &value)
{
	std::vector<std::string> all;
	for (size_t at = 0; at < value.size(); at += 1996)
		all.push_back(value.substr(at, 1996));
	return all;
}

struct Found
{
	uint64_t count = 0, tag = 0;
};

Found
assemble(const std::vector<std::pair<uint32_t, std::string>> &chunks,
		 uint64_t *unreadable = nullptr, size_t memory = 1 << 20)
{
	const Needle needle({person});
	Found found;
	ToastAssembler assembler(needle, page_size, memory,
							 [&](uint64_t count, uint64_t tag)
							 {
								 found.count += count;
								 found.tag = tag;
							 });
	for (const auto &[sequence, data] : chunks)
		assembler.add(0, {7, sequence, data, 1}, 100 + sequence);
	assembler.finish();
	if (unreadable != nullptr)
		*unreadable = assembler.unreadable();
	return found;
}

TEST(ToastAssembler, ReadsValuesWhateverTheOrderOfTheirPieces)
{
	std::string text;
	std::mt19937 random(5);
	while (text.size() < 6000)
		text += static_cast<char>(random());
	for (unsigned method = 0; method < 2; ++method)
	{
		const std::string value = test::toasted(text + test::hidden(person, 5000), method);
		ASSERT_EQ(value.find(person), std::string::npos);
		std::vector<std::pair<uint32_t, std::string>> chunks;
		for (const std::string &piece : pieces(value))
			chunks.emplace_back(chunks.size(), piece);
		for (int round = 0; round < 10; ++round)
		{
			std::shuffle(chunks.begin(), chunks.end(), random);
			const Found found = assemble(chunks);
			EXPECT_EQ(found.count, 1u);
			EXPECT_EQ(found.tag, 100u) << "the first piece's";
		}
	}
}

TEST(ToastAssembler, FindsWhatCrossesPieces)
{
	const std::string value = std::string(1990, 'x') + person + std::string(1000, 'y');
	const std::vector<std::string> all = pieces(value);
	EXPECT_EQ(assemble({{0, all[0]}, {1, all[1]}}).count, 1u);
	EXPECT_EQ(assemble({{1, all[1]}, {0, all[0]}}).count, 1u);
	EXPECT_EQ(assemble({{0, all[0]}, {0, all[0]}, {1, all[1]}}).count, 1u) << "a copy counts once";
}

TEST(ToastAssembler, ReadsAsFarAsThePiecesGoAndSaysWhatItCouldNot)
{
	std::string noise;
	std::mt19937 random(6);
	while (noise.size() < 5000)
		noise += static_cast<char>(random());
	const std::vector<std::string> all =
		pieces(test::toasted(test::hidden(person, 200) + noise, 0));
	ASSERT_GE(all.size(), 3u);
	uint64_t unreadable;
	EXPECT_EQ(assemble({{0, all[0]}}, &unreadable).count, 1u) << "the end is gone";
	EXPECT_EQ(unreadable, 0u);
	EXPECT_EQ(assemble({{1, all[1]}, {2, all[2]}}, &unreadable).count, 0u);
	EXPECT_EQ(unreadable, 2u);
	EXPECT_EQ(assemble({{0, all[0]}, {1, all[1]}, {2, all[2]}}, &unreadable, 100).count, 1u)
		<< "more than memory holds";
}

TEST(ToastAssembler, TakesRowsOffPages)
{
	const std::vector<std::string> all = pieces(test::toasted(test::hidden(person, 6000), 1));
	Page page;
	for (size_t i = 0; i < all.size(); ++i)
		page.row(chunk_columns(16400, static_cast<uint32_t>(i), all[i]), 3, i != 0);
	std::vector<ToastChunk> chunks;
	EXPECT_TRUE(search(page.bytes, &chunks).empty());
	ASSERT_EQ(chunks.size(), all.size());
	std::sort(chunks.begin(), chunks.end(),
			  [](auto &a, auto &b) { return a.sequence < b.sequence; });
	EXPECT_EQ(chunks[0].item, 0) << "vacuumed away, still there";
	EXPECT_EQ(chunks[0].id, 16400u);
	std::vector<std::pair<uint32_t, std::string>> again;
	for (const ToastChunk &chunk : chunks)
		again.emplace_back(chunk.sequence, std::string(chunk.data));
	EXPECT_EQ(assemble(again).count, 1u);
}

} // namespace
