// The keys of other datasets that records refer to. Each key is stored once.
//
// The same customers and products occur again and again in the records of a feed. A staging thread
// gives each key a number, and records contain the numbers. The database is asked once for each key
// and not once for each reference.
//
// One record may refer to a million keys. A key takes its own bytes, twelve more, and about 30 for
// the lookup while keys are added.
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

/// One thread adds keys and another one may read them. Keys that were added before the reader was
/// told of them (under a mutex) do not move.
class KeyDictionary
{
  public:
	struct Key
	{
		uint32_t target;               ///< index of the dataset
		std::string_view text, binary; ///< canonical text; encoded in the key's type
	};

	KeyDictionary();
	/// Returns the number of the key. Adds the key if it is new.
	uint32_t add(uint32_t target, std::string_view text, std::string_view binary);
	Key operator[](uint32_t number) const
	{
		const size_t chunk = chunk_of(number);
		return key_at(chunks_[chunk][number - first_of(chunk)]);
	}
	/// Whether a new dictionary should be started. Those who need this one share its ownership.
	bool full() const { return size_ >= many_keys || arena_.memory() > max_bytes; }
	/// Frees the table for the lookup. add() builds it again.
	void freeze() { slots_ = std::vector<Slot>(); }
	uint32_t size() const { return size_; }
	/// Bytes of memory that the dictionary uses.
	size_t memory() const
	{
		const size_t chunks = size_ == 0 ? 0 : chunk_of(size_ - 1) + 1;
		return arena_.memory() + slots_.capacity() * sizeof(Slot) +
			   first_of(chunks) * sizeof(const char *);
	}

  private:
	static constexpr uint32_t many_keys = 65536;
	static constexpr size_t max_bytes = 4 << 20;
	/// Chunks have 1024, 2048, 4096 … keys, so that there are few pointers and no chunk is ever
	/// moved.
	static size_t chunk_of(uint32_t number)
	{
		return static_cast<size_t>(std::bit_width(number / 1024 + 1)) - 1;
	}
	static uint32_t first_of(size_t chunk) { return 1024 * ((1u << chunk) - 1); }

	/// The header before the bytes of a key: first its text, then its encoded form unless both are
	/// the same.
	struct Head
	{
		uint32_t target, text_size, binary_size;
	};
	/// value of binary_size if the encoded form is the text
	static constexpr uint32_t same = UINT32_MAX;
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

	/// Most keys are short numbers. The slot contains the text of a short key, so that a lookup
	/// needs one memory access instead of three. For a longer key it contains the hash.
	struct Slot
	{
		uint64_t text_or_hash = 0;
		uint32_t number = 0; ///< counted from 1; 0 if the slot is free
		uint32_t kind = 0;   ///< the dataset, and the size of the text up to `long_text`
	};
	static constexpr uint32_t long_text = sizeof(uint64_t) + 1;
	static Slot slot_of(uint32_t target, std::string_view text)
	{
		const bool is_long = text.size() >= long_text;
		return {is_long ? hash_bytes(text) : first_bytes(text), 0,
				target * 16 + (is_long ? long_text : static_cast<uint32_t>(text.size()))};
	}
	/// The bytes of the text, padded with NUL.
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
	std::vector<Slot> slots_; ///< open addressing; the size is a power of two
	Arena arena_;
	uint32_t size_ = 0;
};

} // namespace etl
