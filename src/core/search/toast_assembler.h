// Puts the chunks of TOASTed values together, in whatever order they come, decompresses the values
// and searches them. Chunks of dead row versions and of incomplete values are searched too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/search/needle.h"
#include "core/search/page_search.h"

namespace etl
{

class ToastAssembler
{
  public:
	/// Called with the number of matches in a value and the tag of its first chunk.
	using Sink = std::function<void(uint64_t count, uint64_t tag)>;

	ToastAssembler(const Needle &needle, size_t page_size, size_t memory, Sink sink);

	/// `owner` distinguishes tables that use the same chunk ids. `tag` is returned with a match.
	void add(uint64_t owner, const ToastChunk &chunk, uint64_t tag);
	/// Searches the incomplete values that remain. Call it when there are no more chunks.
	void finish();
	/// The number of compressed chunks that could not be read, because the beginning of their value
	/// is missing.
	uint64_t unreadable() const { return unreadable_; }

  private:
	struct Piece
	{
		std::string data;
		uint64_t tag;
	};
	struct Key
	{
		uint64_t owner;
		uint32_t id;
		bool operator==(const Key &) const = default;
	};
	struct Hash
	{
		size_t operator()(const Key &key) const
		{
			return static_cast<size_t>((key.owner * 0x9E3779B97F4A7C15u) ^ key.id);
		}
	};
	struct Value
	{
		std::map<uint32_t, Piece> pieces;
		uint64_t age;
		bool whole(size_t full_piece) const;
	};

	void search(const Value &value, bool already_read);
	bool search_compressed(const std::string &joined, bool whole, uint64_t tag);
	void make_room();
	void release(std::unordered_map<Key, Value, Hash>::iterator value);

	const Needle &needle_;
	const size_t full_piece_, memory_;
	Sink sink_;
	std::unordered_map<Key, Value, Hash> values_;
	/// Values that were read completely. A further copy of one of their chunks is not counted as
	/// unreadable.
	std::unordered_set<Key, Hash> read_;
	size_t held_ = 0;
	uint64_t clock_ = 0, unreadable_ = 0;
};

} // namespace etl
