#include "core/search/toast_assembler.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/search/block_codec.h"

namespace etl
{

namespace
{
constexpr size_t max_remembered = 1 << 20;
constexpr size_t piece_overhead = 128;
} // namespace

ToastAssembler::ToastAssembler(const Needle &needle, size_t page_size, size_t memory, Sink sink)
	: needle_(needle), full_piece_(toast_chunk_size(page_size)), memory_(memory),
	  sink_(std::move(sink))
{
}

bool
ToastAssembler::Value::whole(size_t full_piece) const
{
	// the last chunk is shorter; a value that consists only of full chunks waits for finish()
	return pieces.rbegin()->second.data.size() < full_piece &&
		   pieces.rbegin()->first + 1 == pieces.size();
}

void
ToastAssembler::add(uint64_t owner, const ToastChunk &chunk, uint64_t tag)
{
	const Key key{owner, chunk.id};
	auto value = values_.try_emplace(key).first;
	const auto same = value->second.pieces.find(chunk.sequence);
	if (same != value->second.pieces.end())
	{
		if (same->second.data == chunk.data)
		{
			// the copy to which a line pointer refers has the more useful tag
			if (chunk.item != 0)
				same->second.tag = tag;
			return;
		}
		release(value); // the id was used again for another value
		value = values_.try_emplace(key).first;
	}
	value->second.age = ++clock_;
	value->second.pieces.emplace(chunk.sequence, Piece{std::string(chunk.data), tag});
	held_ += chunk.data.size() + piece_overhead;
	if (value->second.whole(full_piece_))
	{
		release(value);
		return;
	}
	if (held_ > memory_)
		make_room();
}

void
ToastAssembler::make_room()
{
	// removes the older half at once, because finding the oldest value takes a pass over all
	std::vector<uint64_t> ages;
	for (const auto &[key, value] : values_)
		ages.push_back(value.age);
	const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
	std::nth_element(ages.begin(), middle, ages.end());
	std::vector<Key> old;
	for (const auto &[key, value] : values_)
		if (value.age <= *middle)
			old.push_back(key);
	for (const Key &key : old)
		release(values_.find(key));
}

void
ToastAssembler::finish()
{
	while (!values_.empty())
		release(values_.begin());
	read_.clear();
}

void
ToastAssembler::release(std::unordered_map<Key, Value, Hash>::iterator value)
{
	const bool whole = value->second.whole(full_piece_);
	search(value->second, read_.count(value->first) > 0);
	if (whole && read_.size() < max_remembered)
		read_.insert(value->first);
	for (const auto &[sequence, piece] : value->second.pieces)
		held_ -= piece.data.size() + piece_overhead;
	values_.erase(value);
}

void
ToastAssembler::search(const Value &value, bool already_read)
{
	// a run of chunks without a gap
	for (auto piece = value.pieces.begin(); piece != value.pieces.end();)
	{
		const uint32_t first = piece->first;
		const uint64_t tag = piece->second.tag;
		std::string joined;
		uint32_t next = first;
		size_t last_size = 0;
		for (; piece != value.pieces.end() && piece->first == next; ++piece, ++next)
		{
			joined += piece->second.data;
			last_size = piece->second.data.size();
		}
		if (first == 0 && search_compressed(joined, last_size < full_piece_, tag))
			continue;
		NeedleStream stream(needle_);
		stream.feed(joined);
		if (const uint64_t found = stream.finish())
			sink_(found, tag);
		if (first != 0 && !already_read)
			unreadable_ += next - first;
	}
}

bool
ToastAssembler::search_compressed(const std::string &joined, bool whole, uint64_t tag)
{
	// as toast_save_datum() writes it: va_tcinfo, then the compressed bytes
	uint32_t info;
	if (joined.size() <= sizeof info)
		return false;
	memcpy(&info, joined.data(), sizeof info);
	const std::string_view stored = std::string_view(joined).substr(sizeof info);
	const uint32_t raw_size = info & 0x3FFFFFFF;
	if (raw_size < stored.size() ||
		(whole && !plausible_sizes(info >> 30, stored.size(), raw_size)))
		return false;
	NeedleStream stream(needle_);
	const Decoded end = decode_method(info >> 30, stored, raw_size,
									  [&](std::string_view piece) { stream.feed(piece); });
	const uint64_t found = stream.finish();
	if (found > 0)
		sink_(found, tag);
	// matches before the damage count, and the damaged bytes are also searched as they are
	return end == Decoded::complete || (end == Decoded::prefix && !whole);
}

} // namespace etl
