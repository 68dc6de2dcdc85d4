// The keys that a file had so far, in 16 bytes each.
//
// A file of a gigabyte has millions of keys, and all of them are needed until its end to find the
// one that comes twice. Held are 128 bits of SipHash with a secret of this set's own: two keys of a
// billion are taken for one with a chance of 1 in 10^20, and nobody can bring that about.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace etl
{

class KeySet
{
  public:
	KeySet();
	void add(std::string_view key);
	bool contains(std::string_view key) const;
	bool empty() const { return size_ == 0; }
	size_t size() const { return size_; }
	size_t memory() const { return capacity_ * sizeof(Hash); }

  private:
	struct Hash
	{
		uint64_t a = 0, b = 0; ///< both 0: free
		bool operator==(const Hash &) const = default;
	};
	Hash hash_of(std::string_view key) const;
	/// Where the hash is, or the free place for it.
	size_t place_of(const Hash &hash) const;
	void grow();

	std::array<std::array<uint8_t, 16>, 2> secrets_;
	std::unique_ptr<Hash[]> places_;
	size_t capacity_ = 0, size_ = 0;
};

} // namespace etl
