// The set of keys that occurred in a file so far, in 16 bytes each.
//
// A file of a gigabyte has millions of keys, and all of them are needed until its end to find a key
// that occurs twice. The set holds 128 bits of SipHash of each key, with a random secret of its
// own: among a billion keys, two different keys have the same hash with a probability of 1 in
// 10^20, and the author of a file cannot choose keys for which this happens.
//
// Memory is bounded: when it is full, the hashes go to a sorted file. Every 512th hash of the file
// stays in memory (32 bytes for 1,000 keys), so that a lookup reads one block. A Bloom filter
// avoids this read for most keys that are not in the file.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/bloom_filter.h"
#include "core/base/hash.h"
#include "core/base/spill_file.h"

namespace etl
{

class KeySet
{
  public:
	/// All keys stay in memory.
	KeySet() : KeySet({}, 0) {}
	/// Keys beyond `memory` bytes go to a file that open_file makes.
	KeySet(OpenSpillFile open_file, size_t memory);
	/// Both functions throw what the spill file throws. A set whose add() has thrown must not be
	/// used any more.
	void add(std::string_view key);
	bool contains(std::string_view key) const;
	bool empty() const { return size_ == 0 && spilled_ == 0; }
	/// Bytes in memory.
	size_t memory() const
	{
		return capacity_ * sizeof(Hash) + block_firsts_.capacity() * sizeof(Hash) +
			   spilled_keys_.memory();
	}

  private:
	struct Hash
	{
		uint64_t a = 0, b = 0; ///< both 0: the slot is free
		auto operator<=>(const Hash &) const = default;
	};
	static constexpr size_t block_hashes = 512; ///< 8 kB
	class Reader;
	class Writer;

	Hash hash_of(std::string_view key) const;
	/// Index of the slot that has the hash, or of the free slot for it.
	size_t place_of(const Hash &hash) const;
	void make_room();
	void grow();
	void spill();
	bool is_spilled(const Hash &hash) const;

	std::array<SipKey, 2> secrets_;
	OpenSpillFile open_file_;
	size_t max_capacity_;
	std::unique_ptr<Hash[]> places_;
	size_t capacity_ = 0, size_ = 0;
	std::unique_ptr<SpillFile> file_; ///< sorted, each hash once
	uint64_t spilled_ = 0;            ///< number of hashes in the file
	std::vector<Hash> block_firsts_;  ///< the first hash of each block of the file
	BloomFilter spilled_keys_;
};

} // namespace etl
