// Searches a PostgreSQL page (heap, TOAST or index; server/storage/bufpage.h) for a needle: its
// bytes as they are, and values that are compressed inline. It does not know the columns of tables,
// so everything in the page is searched, including free space and dead row versions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/search/needle.h"

namespace etl
{

struct PageHit
{
	uint32_t count = 0;
	/// line pointer of the tuple that contains the match; 0 if no line pointer refers to it
	uint16_t item = 0;
};

/// A part of a value that is stored in a TOAST table.
struct ToastChunk
{
	uint32_t id, sequence;
	std::string_view data;
	uint16_t item; ///< as in PageHit
};

/// The largest size of a chunk (TOAST_MAX_CHUNK_SIZE with 8 kB pages).
uint32_t toast_chunk_size(size_t page_size);

/// A value that may be compressed: its header and its bytes.
struct InlineValue
{
	size_t offset, size; ///< of the whole datum
	unsigned method;
	uint32_t raw_size;
	std::string_view stored;
};
/// Reads a compressed datum (varatt_4b with va_tcinfo) at an offset. Returns false if there cannot
/// be one.
bool read_inline_value(std::string_view bytes, size_t offset, InlineValue &value);
/// Counts matches in a compressed datum. `complete` becomes true if it was decompressed to its last
/// byte.
uint64_t search_inline_value(const Needle &needle, const InlineValue &value, bool &complete);

/// Reads the part of a TOAST row that follows its header (chunk_id, chunk_seq, chunk_data).
bool read_toast_columns(std::string_view bytes, size_t page_size, ToastChunk &chunk);

class PageSearch
{
  public:
	PageSearch(const Needle &needle, size_t page_size) : needle_(needle), page_size_(page_size) {}

	/// Searches a page. Rows of a TOAST table are appended to `chunks` and not searched here.
	/// `chunks` is null for pages of other relations.
	void search(std::string_view page, std::vector<PageHit> &hits, std::vector<ToastChunk> *chunks);

  private:
	struct Range
	{
		size_t begin, end;
	};
	void read_items(std::string_view page);
	uint16_t item_at(size_t offset) const;
	bool toast_chunk_at(std::string_view page, size_t offset, ToastChunk &chunk, size_t &end) const;
	void add(std::vector<PageHit> &hits, size_t offset, uint32_t count) const;

	const Needle &needle_;
	const size_t page_size_;
	struct Item
	{
		uint16_t begin, end, number;
	};
	std::vector<Item> items_;
	std::vector<Range> done_; ///< ranges that were searched in another form
};

} // namespace etl
