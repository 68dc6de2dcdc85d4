// A Bloom filter (Bloom 1970) whose bits for one key lie in one cache line (Putze, Sanders and
// Singler 2007). For most keys that were never added, the filter says that they were not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/prefault.h"

namespace etl
{

/// Takes 8 MB from the first add() on. With 13 bits for a key this suits 5 million keys; with more
/// keys the filter answers "maybe" more often.
class BloomFilter
{
  public:
	/// `hash` consists of 64 random bits.
	void add(uint64_t hash)
	{
		if (words_.empty())
		{
			words_.reserve(word_count);
			prefault(words_.data(), word_count * sizeof(uint64_t));
			words_.resize(word_count);
		}
		for_bits(hash,
				 [&](size_t word, uint64_t bit)
				 {
					 words_[word] |= bit;
					 return true;
				 });
	}
	/// False: the hash was certainly not added. True: the hash may have been added.
	bool may_contain(uint64_t hash) const
	{
		return !words_.empty() &&
			   for_bits(hash, [&](size_t word, uint64_t bit) { return (words_[word] & bit) != 0; });
	}
	bool empty() const { return words_.empty(); }
	size_t memory() const { return words_.size() * sizeof(uint64_t); }

  private:
	static constexpr size_t word_count = (8 << 20) / 8;

	/// Visits the four bits of the hash in its 64-byte block, until `visit` returns false.
	template <typename Visit>
	static bool for_bits(uint64_t hash, Visit &&visit)
	{
		const size_t block = (hash >> 40) % (word_count / 8) * 8;
		for (int i = 0; i < 4; ++i)
		{
			const unsigned bit = hash >> (9 * i) & 511;
			if (!visit(block + bit / 64, UINT64_C(1) << bit % 64))
				return false;
		}
		return true;
	}

	std::vector<uint64_t> words_;
};

} // namespace etl
