#include "core/base/key_set.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <utility>

#include "core/base/hash.h"

namespace etl
{

/// Reads the hashes of a spill file in their order.
class KeySet::Reader
{
  public:
	Reader(SpillFile *file, uint64_t count) : file_(file), count_(count)
	{
		if (file_ != nullptr)
			fill();
	}
	bool at_end() const { return at_ == filled_; }
	const Hash &front() const { return block_[at_]; }
	void pop()
	{
		if (++at_ == filled_)
			fill();
	}

  private:
	void fill()
	{
		at_ = 0;
		filled_ = static_cast<size_t>(std::min<uint64_t>(block_.size(), count_ - read_));
		if (filled_ > 0)
			file_->read(read_ * sizeof(Hash), block_.data(), filled_ * sizeof(Hash));
		read_ += filled_;
	}

	SpillFile *file_;
	uint64_t count_, read_ = 0;
	std::array<Hash, block_hashes> block_;
	size_t at_ = 0, filled_ = 0;
};

/// Writes a spill file and notes the first hash of each block.
class KeySet::Writer
{
  public:
	explicit Writer(SpillFile &file) : file_(file) {}
	void add(const Hash &hash)
	{
		if (filled_ == 0)
			firsts_.push_back(hash);
		block_[filled_++] = hash;
		++count_;
		if (filled_ == block_.size())
			flush();
	}
	void flush()
	{
		if (filled_ > 0)
			file_.append(block_.data(), filled_ * sizeof(Hash));
		filled_ = 0;
	}
	uint64_t count() const { return count_; }
	std::vector<Hash> take_firsts() { return std::move(firsts_); }

  private:
	SpillFile &file_;
	std::array<Hash, block_hashes> block_;
	size_t filled_ = 0;
	uint64_t count_ = 0;
	std::vector<Hash> firsts_;
};

KeySet::KeySet(OpenSpillFile open_file, size_t memory)
	: open_file_(std::move(open_file)),
	  max_capacity_(std::bit_floor(std::max(memory / sizeof(Hash), size_t{16})))
{
	std::random_device random;
	for (auto &secret : secrets_)
		for (size_t i = 0; i < secret.size(); i += sizeof(uint32_t))
		{
			const uint32_t word = random();
			std::memcpy(&secret[i], &word, sizeof word);
		}
}

KeySet::Hash
KeySet::hash_of(std::string_view key) const
{
	Hash hash{siphash(secrets_[0], key), siphash(secrets_[1], key)};
	if (hash == Hash())
		hash.b = 1;
	return hash;
}

size_t
KeySet::place_of(const Hash &hash) const
{
	size_t place = hash.a & (capacity_ - 1);
	while (places_[place] != Hash() && places_[place] != hash)
		place = (place + 1) & (capacity_ - 1);
	return place;
}

void
KeySet::make_room()
{
	if (open_file_ && capacity_ >= max_capacity_)
		spill();
	else
		grow();
}

void
KeySet::grow()
{
	const std::unique_ptr<Hash[]> before = std::move(places_);
	const size_t count = capacity_;
	capacity_ = count == 0 ? std::min<size_t>(1024, max_capacity_) : count * 2;
	places_ = std::make_unique<Hash[]>(capacity_);
	for (size_t i = 0; i < count; ++i)
		if (before[i] != Hash())
			places_[place_of(before[i])] = before[i];
}

/// Merges the hashes in memory and in the file into a new file.
void
KeySet::spill()
{
	Hash *const begin = places_.get();
	Hash *const end = std::remove(begin, begin + capacity_, Hash());
	std::sort(begin, end);
	for (const Hash *hash = begin; hash != end; ++hash)
		spilled_keys_.add(hash->a);
	std::unique_ptr<SpillFile> merged = open_file_();
	Writer writer(*merged);
	Reader reader(file_.get(), spilled_);
	for (const Hash *hash = begin; hash != end || !reader.at_end();)
	{
		// a key that was added again after its hash was written is in memory and in the file
		const bool from_file = hash == end || (!reader.at_end() && reader.front() <= *hash);
		if (from_file && hash != end && reader.front() == *hash)
			++hash;
		writer.add(from_file ? reader.front() : *hash);
		if (from_file)
			reader.pop();
		else
			++hash;
	}
	writer.flush();
	file_ = std::move(merged);
	spilled_ = writer.count();
	block_firsts_ = writer.take_firsts();
	std::fill(begin, begin + capacity_, Hash());
	size_ = 0;
}

void
KeySet::add(std::string_view key)
{
	if (size_ >= capacity_ / 4 * 3)
		make_room();
	const Hash hash = hash_of(key);
	Hash &place = places_[place_of(hash)];
	if (place == hash)
		return;
	place = hash;
	++size_;
}

bool
KeySet::contains(std::string_view key) const
{
	if (empty())
		return false;
	const Hash hash = hash_of(key);
	return (size_ > 0 && places_[place_of(hash)] != Hash()) || is_spilled(hash);
}

bool
KeySet::is_spilled(const Hash &hash) const
{
	if (!spilled_keys_.may_contain(hash.a))
		return false;
	const auto after = std::upper_bound(block_firsts_.begin(), block_firsts_.end(), hash);
	if (after == block_firsts_.begin())
		return false;
	const uint64_t first = static_cast<uint64_t>(after - block_firsts_.begin() - 1) * block_hashes;
	std::array<Hash, block_hashes> block;
	const size_t count = static_cast<size_t>(std::min<uint64_t>(block_hashes, spilled_ - first));
	file_->read(first * sizeof(Hash), block.data(), count * sizeof(Hash));
	return std::binary_search(block.begin(), block.begin() + count, hash);
}

} // namespace etl
