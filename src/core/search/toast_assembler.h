// Puts the pieces of TOASTed values together, in whatever order they come, and searches them
// decompressed. Pieces of dead row versions and of values that are no longer whole count too.
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
	/// Called with the matches in a value and the tag of its first piece.
	using Sink = std::function<void(uint64_t count, uint64_t tag)>;

	ToastAssembler(const Needle &needle, size_t page_size, size_t memory, Sink sink);

	/// owner: tells apart tables that share chunk ids. tag: given back with a match.
	void add(uint64_t owner, const ToastChunk &chunk, uint64_t tag);
	/// No more pieces: searches what is left.
	void finish();
	/// Pieces that were compressed and could not be read, as their value's beginning is gone.
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
	/// Values that were read whole: a stray copy of one of their pieces is no loss.
	std::unordered_set<Key, Hash> read_;
	size_t held_ = 0;
	uint64_t clock_ = 0, unreadable_ = 0;
};

} // namespace etl
