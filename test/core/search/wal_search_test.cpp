#include <gtest/gtest.h>

#include <random>

#include "compressed.h"
#include "core/search/wal_search.h"

using namespace etl;

namespace
{

constexpr size_t page_size = 8192;
const std::string person = "josephine.q@example.com";

template <typename T>
std::string
bytes_of(T value)
{
	return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

/// A record: its headers, then its data.
std::string
record(const std::string &headers, const std::string &data, uint8_t rmgr = 10, uint8_t info = 0)
{
	const uint32_t size = static_cast<uint32_t>(24 + headers.size() + data.size());
	std::string r = bytes_of(size) + std::string(12, '\0');
	r += static_cast<char>(info);
	r += static_cast<char>(rmgr);
	r += std::string(6, '\0');
	return r + headers + data;
}

std::string
main_data(const std::string &data)
{
	return record("\xff" + std::string(1, static_cast<char>(data.size())), data);
}

/// A block with a compressed image.
std::string
image_record(const std::string &stored, uint8_t method_bit)
{
	std::string h("\x00\x10\x00\x00", 4); // block 0, has an image, no data
	h += bytes_of(static_cast<uint16_t>(stored.size())) + bytes_of(uint16_t{0});
	h += static_cast<char>(0x02 | method_bit);
	h += std::string(12, '\1') + std::string(4, '\0');
	return record(h, stored);
}

/// Pages that contain these records, beginning at an address.
std::vector<std::string>
log_of(const std::vector<std::string> &records, uint64_t address = 0x1000000)
{
	std::string stream;
	std::vector<std::pair<size_t, size_t>> spans;
	for (const std::string &r : records)
	{
		spans.emplace_back(stream.size(), stream.size() + r.size());
		stream += r;
		stream.resize((stream.size() + 7) & ~size_t{7});
	}
	std::vector<std::string> pages;
	for (size_t at = 0; at < stream.size(); at += page_size - 24)
	{
		uint32_t rest = 0;
		for (const auto &[begin, end] : spans)
			if (begin < at && at < end)
				rest = static_cast<uint32_t>(end - at);
		std::string page = bytes_of(uint16_t{0xD110}) + bytes_of(uint16_t(rest > 0 ? 1 : 0)) +
						   bytes_of(uint32_t{1}) + bytes_of(address) + bytes_of(rest) +
						   std::string(4, '\0');
		page += stream.substr(at, page_size - 24);
		page.resize(page_size);
		pages.push_back(page);
		address += page_size;
	}
	return pages;
}

uint64_t
search(const std::vector<std::string> &pages, uint64_t *unreadable = nullptr)
{
	const Needle needle({person});
	uint64_t total = 0;
	WalSearch wal(needle, page_size, 1 << 20, [&](size_t, uint64_t count) { total += count; });
	for (const std::string &page : pages)
		wal.page(0, page);
	wal.finish();
	if (unreadable != nullptr)
		*unreadable = wal.unreadable_images();
	return total;
}

TEST(WalSearch, FindsTextInRecords)
{
	EXPECT_EQ(search(log_of({main_data("nothing"), main_data("x" + person), main_data(person)})),
			  2u);
	EXPECT_EQ(search({std::string(page_size, '\0')}), 0u);
}

TEST(WalSearch, PutsRecordsTogetherAcrossPages)
{
	for (size_t before = 8100; before < 8180; before += 8)
	{
		const std::string filler = record("\xfe" + bytes_of(static_cast<uint32_t>(before - 24 - 5)),
										  std::string(before - 24 - 5, 'f'));
		EXPECT_EQ(search(log_of({filler, main_data("12345" + person + "678"), main_data("x")})), 1u)
			<< before;
	}
}

TEST(WalSearch, DecompressesPageImages)
{
	std::string page(page_size, '\0');
	const std::string text = test::hidden(person, 600);
	page.replace(5000, text.size(), text);
	const std::string pglz = test::pglz(page), lz4 = test::lz4(page);
	ASSERT_EQ(pglz.find(person), std::string::npos);
	uint64_t unreadable;
	EXPECT_EQ(search(log_of({main_data("x"), image_record(pglz, 0x04)}), &unreadable), 1u);
	EXPECT_EQ(unreadable, 0u);
	EXPECT_EQ(search(log_of({image_record(lz4, 0x08), main_data("x")}), &unreadable), 1u);
	EXPECT_EQ(unreadable, 0u);
	EXPECT_EQ(search(log_of({image_record(pglz.substr(0, 50), 0x04)}), &unreadable), 0u);
	EXPECT_EQ(unreadable, 1u) << "what is damaged is told";
}

TEST(WalSearch, ReadsCompressedValuesAtAnyOffset)
{
	for (size_t shift = 0; shift < 8; ++shift)
		EXPECT_EQ(
			search(log_of({record(
				"\xfe" + bytes_of(static_cast<uint32_t>(
							 shift + test::inline_datum(test::hidden(person, 2000), 0).size())),
				std::string(shift, 'x') + test::inline_datum(test::hidden(person, 2000), 0))})),
			1u)
			<< shift;
}

TEST(WalSearch, SearchesWhatIsNoRecordAsItIs)
{
	std::vector<std::string> pages = log_of({main_data("x")});
	pages[0].replace(4000, person.size(), person); // a remainder of an earlier use of the segment
	EXPECT_EQ(search(pages), 1u);
	pages = log_of({main_data(std::string(100, 'x'))});
	pages[0][0] = 'z';
	pages[0].replace(4000, person.size(), person);
	EXPECT_EQ(search(pages), 1u) << "no page of the log";
}

TEST(WalSearch, AnyBytesAreHarmless)
{
	std::mt19937 random(7);
	const std::string image = test::pglz(std::string(page_size, 'a'));
	for (int round = 0; round < 500; ++round)
	{
		std::vector<std::string> pages =
			log_of({main_data(person), image_record(image, 0x04), main_data("y")});
		for (std::string &page : pages)
			for (int i = 0; i < 40; ++i)
				page[random() % 400] = static_cast<char>(random());
		search(pages);
	}
}

} // namespace
