// Keys of other datasets, each held once.
//
// Customers and products come up again and again in the records of a feed. A staging thread gives
// each key that it meets a number; records hold numbers, and the database is asked once for each
// key and not once for each time that it is named.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/arena.h"

namespace etl
{

uint64_t hash_bytes(std::string_view bytes);

/// Grown by one thread and read by another: what was added before the reader was told of it (with a
/// mutex in between) stays where it is.
class KeyDictionary
{
  public:
	struct Key
	{
		uint32_t target;               ///< which dataset
		std::string_view text, binary; ///< canonical text; encoded as its type
	};

	KeyDictionary();
	/// The key's number.
	uint32_t add(uint32_t target, std::string_view text, std::string_view binary);
	const Key &operator[](uint32_t number) const
	{
		const size_t chunk = chunk_of(number);
		return chunks_[chunk][number - first_of(chunk)];
	}
	/// Time for a new one. Whoever still needs this one holds it.
	bool full() const { return size_ >= many_keys || arena_.memory() > max_bytes; }
	uint32_t size() const { return size_; }
	/// Bytes held.
	size_t memory() const
	{
		const size_t chunks = size_ == 0 ? 0 : chunk_of(size_ - 1) + 1;
		return arena_.memory() + slots_.capacity() * sizeof(Slot) + first_of(chunks) * sizeof(Key);
	}

  private:
	static constexpr uint32_t many_keys = 65536;
	static constexpr size_t max_bytes = 4 << 20;
	/// Chunks hold 1024, 2048, 4096 … keys: few pointers, and none of them ever moves.
	static size_t chunk_of(uint32_t number)
	{
		return static_cast<size_t>(std::bit_width(number / 1024 + 1)) - 1;
	}
	static uint32_t first_of(size_t chunk) { return 1024 * ((1u << chunk) - 1); }
	/// Most keys are short numbers: their text stands in the slot itself, so that finding one takes
	/// one look into memory and not three.
	struct Slot
	{
		uint32_t hash = 0, number = 0; ///< counted from 1; 0: free
		uint32_t target = 0, size = 0;
		uint64_t text = 0; ///< its first 8 bytes, padded with NUL
	};
	static uint64_t first_bytes(std::string_view text)
	{
		uint64_t bytes = 0;
		std::memcpy(&bytes, text.data(), text.size() < 8 ? text.size() : 8);
		return bytes;
	}
	void grow();

	std::array<std::unique_ptr<Key[]>, 22> chunks_;
	std::vector<Slot> slots_; ///< open addressing; a power of two
	Arena arena_;
	uint32_t size_ = 0;
};

} // namespace etl
