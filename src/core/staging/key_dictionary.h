// Keys of other datasets, each held once.
//
// Customers and products come up again and again in the records of a feed. A staging thread gives
// each key that it meets a number; records hold numbers, and the database is asked once for each
// key and not once for each time that it is named.
//
// One record may name a million of them: a key takes its bytes, twelve more, and while keys are
// added some 30 for finding it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/arena.h"

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
	Key operator[](uint32_t number) const
	{
		const size_t chunk = chunk_of(number);
		return key_at(chunks_[chunk][number - first_of(chunk)]);
	}
	/// Time for a new one. Whoever still needs this one holds it.
	bool full() const { return size_ >= many_keys || arena_.memory() > max_bytes; }
	/// Gives up what finding keys takes; adding one builds it anew.
	void freeze() { slots_ = std::vector<Slot>(); }
	uint32_t size() const { return size_; }
	/// Bytes held.
	size_t memory() const
	{
		const size_t chunks = size_ == 0 ? 0 : chunk_of(size_ - 1) + 1;
		return arena_.memory() + slots_.capacity() * sizeof(Slot) +
			   first_of(chunks) * sizeof(const char *);
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

	/// What stands in front of a key's bytes: its text, and its encoded form unless that is the
	/// same.
	struct Head
	{
		uint32_t target, text_size, binary_size;
	};
	static constexpr uint32_t same = UINT32_MAX; ///< as a binary_size
	static Key key_at(const char *at)
	{
		Head head;
		std::memcpy(&head, at, sizeof head);
		const std::string_view text(at + sizeof head, head.text_size);
		return {head.target, text,
				head.binary_size == same
					? text
					: std::string_view(text.data() + text.size(), head.binary_size)};
	}

	/// Most keys are short numbers: their text stands in the slot itself, so that finding one takes
	/// one look into memory and not three. Of a longer one its hash does.
	struct Slot
	{
		uint64_t text_or_hash = 0;
		uint32_t number = 0; ///< counted from 1; 0: free
		uint32_t kind = 0;   ///< of which dataset, and how long up to `long_text`
	};
	static constexpr uint32_t long_text = sizeof(uint64_t) + 1;
	static Slot slot_of(uint32_t target, std::string_view text)
	{
		const bool is_long = text.size() >= long_text;
		return {is_long ? hash_bytes(text) : first_bytes(text), 0,
				target * 16 + (is_long ? long_text : static_cast<uint32_t>(text.size()))};
	}
	/// Padded with NUL.
	static uint64_t first_bytes(std::string_view text)
	{
		uint64_t bytes = 0;
		std::memcpy(&bytes, text.data(), text.size());
		return bytes;
	}
	static size_t place_of(const Slot &slot);
	void grow();
	void fill(std::vector<Slot> &slots, const Slot &slot) const;

	std::array<std::unique_ptr<const char *[]>, 22> chunks_;
	std::vector<Slot> slots_; ///< open addressing; a power of two
	Arena arena_;
	uint32_t size_ = 0;
};

} // namespace etl
