#include "core/search/wal_search.h"

#include <algorithm>
#include <cstring>

#include "core/files/zstd_reader.h"
#include "core/search/block_codec.h"

namespace etl
{

namespace
{

constexpr size_t record_header_size = 24;         ///< SizeOfXLogRecord
constexpr uint32_t max_record_size = 1020u << 20; ///< XLogRecordMaxSize
constexpr uint8_t heap_rmgr = 10;                 ///< RM_HEAP_ID
constexpr uint8_t heap_operation = 0x70;          ///< XLOG_HEAP_OPMASK; 0 is an insert
constexpr size_t heap_header_size = 5;            ///< SizeOfHeapHeader

enum : uint8_t
{
	id_top_xid = 252,
	id_origin = 253,
	id_data_long = 254,
	id_data_short = 255,
	max_block = 32
};
enum : uint8_t // fork_flags
{
	has_image = 0x10,
	has_data = 0x20,
	same_relation = 0x80
};
enum : uint8_t // bimg_info
{
	has_hole = 0x01,
	by_pglz = 0x04,
	by_lz4 = 0x08,
	by_zstd = 0x10
};

template <typename T>
T
read(std::string_view bytes, size_t offset)
{
	T value;
	memcpy(&value, bytes.data() + offset, sizeof value);
	return value;
}

bool
all_zero(std::string_view bytes)
{
	return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

size_t
align8(size_t n)
{
	return (n + 7) & ~size_t{7};
}

/// Reads values from the beginning of a record.
class Cursor
{
  public:
	explicit Cursor(std::string_view bytes) : rest_(bytes) {}
	template <typename T>
	T take()
	{
		T value{};
		if (rest_.size() < sizeof value)
			good_ = false;
		else
		{
			memcpy(&value, rest_.data(), sizeof value);
			rest_.remove_prefix(sizeof value);
		}
		return value;
	}
	std::string_view take(size_t n)
	{
		if (rest_.size() < n)
		{
			good_ = false;
			return {};
		}
		const std::string_view bytes = rest_.substr(0, n);
		rest_.remove_prefix(n);
		return bytes;
	}
	bool good() const { return good_; }
	size_t left() const { return rest_.size(); }
	std::string_view rest() const { return rest_; }

  private:
	std::string_view rest_;
	bool good_ = true;
};

} // namespace

WalPage
WalPage::read(std::string_view page)
{
	WalPage header{};
	if (page.size() < 40)
		return header;
	const uint16_t magic = etl::read<uint16_t>(page, 0), info = etl::read<uint16_t>(page, 2);
	header.address = etl::read<uint64_t>(page, 8);
	header.remaining = etl::read<uint32_t>(page, 16);
	header.continues = (info & 1) != 0;
	header.header_size = (info & 2) != 0 ? 40 : 24;
	// the low byte of the magic number is a version
	header.valid = (magic & 0xFF00) == 0xD100 && (info & ~0x0F) == 0 && header.address != 0 &&
				   header.address % page.size() == 0;
	return header;
}

WalSearch::WalSearch(const Needle &needle, size_t page_size, size_t memory, Sink sink)
	: needle_(needle), page_size_(page_size), sink_(std::move(sink)), pages_(needle, page_size),
	  toast_(needle, page_size, memory,
			 [this](uint64_t count, uint64_t file) { sink_(static_cast<size_t>(file), count); })
{
}

void
WalSearch::found(uint64_t count)
{
	if (count > 0)
		sink_(file_, count);
}

void
WalSearch::raw(std::string_view bytes)
{
	found(needle_.count(bytes));
}

void
WalSearch::start_over()
{
	if (!record_.empty())
		raw(record_);
	record_.clear();
	record_size_ = 0;
}

void
WalSearch::finish()
{
	start_over();
	toast_.finish();
}

void
WalSearch::page(size_t file, std::string_view page)
{
	const WalPage header = WalPage::read(page);
	if (!header.valid)
	{
		start_over();
		file_ = file;
		if (!all_zero(page))
			raw(page);
		return;
	}
	size_t at = header.header_size;
	if (header.address != next_page_ || !header.continues ||
		(!record_.empty() && header.remaining != record_size_ - record_.size()))
		start_over();
	next_page_ = header.address + page.size();
	if (header.continues)
	{
		const size_t n = std::min<size_t>(header.remaining, page.size() - at);
		const std::string_view part = page.substr(at, n);
		if (record_.empty())
		{
			// the beginning of the record is missing
			file_ = file;
			raw(part);
		}
		else
		{
			record_ += part;
			if (record_.size() == record_size_)
			{
				record(record_);
				record_.clear();
			}
		}
		at = align8(at + n);
	}
	if (record_.empty())
	{
		file_ = file;
		records(page, at);
	}
}

void
WalSearch::records(std::string_view page, size_t at)
{
	while (page.size() - std::min(at, page.size()) >= 8)
	{
		const uint32_t size = read<uint32_t>(page, at);
		if (size < record_header_size || size > max_record_size)
		{
			// the rest of the page is unused, or contains older data
			if (!all_zero(page.substr(at)))
				raw(page.substr(at));
			return;
		}
		if (size > page.size() - at)
		{
			record_.assign(page.substr(at));
			record_size_ = size;
			return;
		}
		record(page.substr(at, size));
		at = align8(at + size);
	}
}

void
WalSearch::record(std::string_view bytes)
{
	if (!decode(bytes))
		raw(bytes);
}

bool
WalSearch::decode(std::string_view bytes)
{
	const uint8_t info = read<uint8_t>(bytes, 16), rmgr = read<uint8_t>(bytes, 17);
	struct Block
	{
		bool imaged = false;
		Image image{};
		size_t image_size = 0, data_size = 0;
		uint64_t owner = 0;
	};
	std::vector<Block> blocks;
	size_t main_size = 0, total = 0;
	uint64_t owner = 0;
	Cursor in(bytes.substr(record_header_size));
	while (in.good() && in.left() > total)
	{
		const uint8_t id = in.take<uint8_t>();
		if (id == id_data_short || id == id_data_long)
		{
			main_size = id == id_data_short ? in.take<uint8_t>() : in.take<uint32_t>();
			total += main_size;
			break; // this is always the last header
		}
		if (id == id_origin)
			in.take(2);
		else if (id == id_top_xid)
			in.take(4);
		else if (id <= max_block)
		{
			Block block;
			const uint8_t flags = in.take<uint8_t>();
			block.data_size = in.take<uint16_t>();
			if ((flags & has_image) != 0)
			{
				block.imaged = true;
				block.image_size = in.take<uint16_t>();
				block.image.hole_offset = in.take<uint16_t>();
				block.image.info = in.take<uint8_t>();
				const bool compressed = (block.image.info & (by_pglz | by_lz4 | by_zstd)) != 0;
				block.image.hole_size = (block.image.info & has_hole) == 0 ? uint16_t{0}
										: compressed
											? in.take<uint16_t>()
											: static_cast<uint16_t>(page_size_ - block.image_size);
			}
			if ((flags & same_relation) == 0)
			{
				const uint32_t space = in.take<uint32_t>(), database = in.take<uint32_t>(),
							   relation = in.take<uint32_t>();
				owner = (static_cast<uint64_t>(space ^ database << 7) << 32) ^ relation;
			}
			in.take(4); // block number
			block.owner = owner;
			total += block.image_size + block.data_size;
			blocks.push_back(block);
		}
		else
			return false;
	}
	if (!in.good() || in.left() != total)
		return false;
	for (Block &block : blocks)
	{
		if (block.imaged)
		{
			block.image.bytes = in.take(block.image_size);
			image(block.image, block.owner);
		}
		data(in.take(block.data_size), block.owner,
			 rmgr == heap_rmgr && (info & heap_operation) == 0);
	}
	data(in.take(main_size), owner, false);
	return true;
}

void
WalSearch::image(const Image &image, uint64_t owner)
{
	const size_t kept = page_size_ - std::min<size_t>(image.hole_size, page_size_);
	std::string unpacked;
	std::string_view bytes = image.bytes;
	if ((image.info & (by_pglz | by_lz4 | by_zstd)) != 0)
	{
		bool good;
		if ((image.info & by_zstd) != 0)
			good = ZstdReader::decompress_block(bytes, kept, unpacked);
		else
			good = decode_method((image.info & by_lz4) != 0 ? 1 : 0, bytes, kept,
								 [&](std::string_view piece)
								 { unpacked += piece; }) == Decoded::complete;
		if (!good)
		{
			++unreadable_images_;
			raw(image.bytes);
			return;
		}
		bytes = unpacked;
	}
	if (bytes.size() != kept || image.hole_offset > kept)
	{
		raw(bytes);
		return;
	}
	image_page_.assign(bytes.substr(0, image.hole_offset));
	image_page_.append(page_size_ - kept, '\0');
	image_page_.append(bytes.substr(image.hole_offset));
	hits_.clear();
	chunks_.clear();
	pages_.search(image_page_, hits_, &chunks_);
	for (const PageHit &hit : hits_)
		found(hit.count);
	for (const ToastChunk &chunk : chunks_)
		toast_.add(owner, chunk, file_);
}

void
WalSearch::data(std::string_view bytes, uint64_t owner, bool insert)
{
	if (bytes.empty())
		return;
	// a row of a TOAST table: three columns, none of them null, and a header of 24 bytes, of which
	// 23 are not logged
	ToastChunk chunk;
	if (insert && bytes.size() > heap_header_size + 1 && (read<uint16_t>(bytes, 0) & 0x07FF) == 3 &&
		static_cast<uint8_t>(bytes[4]) == 24 &&
		read_toast_columns(bytes.substr(heap_header_size + 1), page_size_, chunk) &&
		chunk.data.size() + heap_header_size + 1 + 12 == bytes.size())
	{
		chunk.item = 1;
		toast_.add(owner, chunk, file_);
		return;
	}
	// compressed values can begin at any byte, because the rows in a record are not aligned
	std::vector<std::pair<size_t, size_t>> done;
	for (size_t at = 0; at + 9 < bytes.size(); ++at)
	{
		InlineValue value;
		if (!read_inline_value(bytes, at, value))
			continue;
		bool complete;
		found(search_inline_value(needle_, value, complete));
		if (complete)
		{
			done.emplace_back(at, at + value.size);
			at += value.size - 1;
		}
	}
	for (Needle::Match m = needle_.find(bytes); m.offset != Needle::npos;
		 m = needle_.find(bytes, m.offset + m.length))
		if (std::none_of(done.begin(), done.end(),
						 [&](const auto &range)
						 { return m.offset >= range.first && m.offset < range.second; }))
			found(1);
}

} // namespace etl
