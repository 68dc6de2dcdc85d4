#include "core/search/page_search.h"

#include <algorithm>
#include <cstring>

#include "core/search/block_codec.h"

namespace etl
{

namespace
{

constexpr size_t page_header_size = 24;       ///< SizeOfPageHeaderData
constexpr size_t tuple_header_size = 24;      ///< MAXALIGN(SizeofHeapTupleHeader)
constexpr size_t datum_header_size = 8;       ///< VARHDRSZ_COMPRESSED
constexpr unsigned item_normal = 1;           ///< LP_NORMAL
constexpr uint16_t natts_mask = 0x07FF;       ///< HEAP_NATTS_MASK
constexpr uint16_t has_null = 1, has_var = 2; ///< HEAP_HASNULL, HEAP_HASVARWIDTH

template <typename T>
T
read(std::string_view bytes, size_t offset)
{
	T value;
	memcpy(&value, bytes.data() + offset, sizeof value);
	return value;
}

} // namespace

uint32_t
toast_chunk_size(size_t page_size)
{
	// EXTERN_TUPLE_MAX_SIZE minus the tuple header, two 4-byte columns and the length word of the
	// value
	const size_t usable = page_size - ((page_header_size + 4 * 4 + 7) & ~size_t{7});
	const size_t tuple = (usable / 4) & ~size_t{7};
	return static_cast<uint32_t>(tuple - tuple_header_size - 4 - 4 - 4);
}

bool
read_inline_value(std::string_view bytes, size_t offset, InlineValue &value)
{
	if (bytes.size() - offset < datum_header_size + 1)
		return false;
	const uint32_t header = read<uint32_t>(bytes, offset);
	if ((header & 3) != 2) // VARATT_IS_4B_C, little-endian
		return false;
	value.size = header >> 2;
	if (value.size <= datum_header_size || value.size > bytes.size() - offset)
		return false;
	const uint32_t info = read<uint32_t>(bytes, offset + 4);
	value.method = info >> 30;
	value.raw_size = info & 0x3FFFFFFF;
	value.offset = offset;
	value.stored = bytes.substr(offset + datum_header_size, value.size - datum_header_size);
	// values are stored compressed only if this saves space
	return value.raw_size + 4 > value.size &&
		   plausible_sizes(value.method, value.stored.size(), value.raw_size);
}

uint64_t
search_inline_value(const Needle &needle, const InlineValue &value, bool &complete)
{
	NeedleStream stream(needle);
	const Decoded end = decode_method(value.method, value.stored, value.raw_size,
									  [&](std::string_view piece) { stream.feed(piece); });
	complete = end == Decoded::complete;
	return stream.finish();
}

bool
read_toast_columns(std::string_view bytes, size_t page_size, ToastChunk &chunk)
{
	if (bytes.size() < 13)
		return false;
	chunk.id = read<uint32_t>(bytes, 0);
	chunk.sequence = read<uint32_t>(bytes, 4);
	const uint32_t header = read<uint32_t>(bytes, 8);
	const uint32_t size = header >> 2;
	if (chunk.id == 0 || chunk.sequence > 1u << 20 || (header & 3) != 0 || size <= 4 ||
		size - 4 > toast_chunk_size(page_size) || size > bytes.size() - 8)
		return false;
	chunk.data = bytes.substr(12, size - 4);
	return true;
}

void
PageSearch::read_items(std::string_view page)
{
	items_.clear();
	const uint16_t lower = read<uint16_t>(page, 12), upper = read<uint16_t>(page, 14),
				   special = read<uint16_t>(page, 16), size_version = read<uint16_t>(page, 18);
	if ((size_version & 0xFF00) != (page_size_ & 0xFF00) || lower < page_header_size ||
		lower > upper || upper > special || special > page_size_)
		return;
	for (size_t at = page_header_size, n = 1; at + 4 <= lower; at += 4, ++n)
	{
		const uint32_t pointer = read<uint32_t>(page, at);
		const uint32_t offset = pointer & 0x7FFF, length = pointer >> 17;
		if ((pointer >> 15 & 3) == item_normal && offset + length <= page_size_)
			items_.push_back({static_cast<uint16_t>(offset), static_cast<uint16_t>(offset + length),
							  static_cast<uint16_t>(n)});
	}
	std::sort(items_.begin(), items_.end(),
			  [](const Item &a, const Item &b) { return a.begin < b.begin; });
}

uint16_t
PageSearch::item_at(size_t offset) const
{
	auto after = std::upper_bound(items_.begin(), items_.end(), offset,
								  [](size_t o, const Item &item) { return o < item.begin; });
	return after != items_.begin() && offset < (--after)->end ? after->number : uint16_t{0};
}

bool
PageSearch::toast_chunk_at(std::string_view page, size_t offset, ToastChunk &chunk,
						   size_t &end) const
{
	if (page.size() - offset < tuple_header_size + 13 ||
		(read<uint16_t>(page, offset + 18) & natts_mask) != 3 ||
		(read<uint16_t>(page, offset + 20) & (has_null | has_var)) != has_var ||
		static_cast<unsigned char>(page[offset + 22]) != tuple_header_size ||
		!read_toast_columns(page.substr(offset + tuple_header_size), page_size_, chunk))
		return false;
	chunk.item = item_at(offset);
	end = offset + tuple_header_size + 12 + chunk.data.size();
	return true;
}

void
PageSearch::add(std::vector<PageHit> &hits, size_t offset, uint32_t count) const
{
	const uint16_t item = item_at(offset);
	for (PageHit &hit : hits)
		if (hit.item == item)
		{
			hit.count += count;
			return;
		}
	hits.push_back({count, item});
}

void
PageSearch::search(std::string_view page, std::vector<PageHit> &hits,
				   std::vector<ToastChunk> *chunks)
{
	done_.clear();
	if (page.size() < page_size_)
		items_.clear(); // the end of a file that is just being written
	else
		read_items(page);

	if (chunks != nullptr)
		// tuples begin at multiples of 8, even if no line pointer refers to them
		for (size_t at = page_header_size; at + tuple_header_size + 13 <= page.size();)
		{
			ToastChunk chunk;
			size_t end;
			if (!toast_chunk_at(page, at, chunk, end))
			{
				at += 8;
				continue;
			}
			chunks->push_back(chunk);
			done_.push_back({at, end});
			at = (end + 7) & ~size_t{7};
		}

	// compressed values begin at multiples of 4
	size_t range = 0;
	std::vector<Range> decoded;
	for (size_t at = page_header_size; at + datum_header_size < page.size(); at += 4)
	{
		while (range < done_.size() && done_[range].end <= at)
			++range;
		if (range < done_.size() && done_[range].begin <= at)
		{
			at = ((done_[range].end + 3) & ~size_t{3}) - 4;
			continue;
		}
		InlineValue value;
		if (!read_inline_value(page, at, value))
			continue;
		bool complete;
		const uint64_t found = search_inline_value(needle_, value, complete);
		if (found > 0)
			add(hits, at, static_cast<uint32_t>(found));
		if (complete)
		{
			decoded.push_back({at, at + value.size});
			at = ((at + value.size + 3) & ~size_t{3}) - 4;
		}
	}
	done_.insert(done_.end(), decoded.begin(), decoded.end());

	for (Needle::Match m = needle_.find(page); m.offset != Needle::npos;
		 m = needle_.find(page, m.offset + m.length))
		if (std::none_of(done_.begin(), done_.end(),
						 [&](const Range &r)
						 { return m.offset >= r.begin && m.offset + m.length <= r.end; }))
			add(hits, m.offset, 1);
}

} // namespace etl
