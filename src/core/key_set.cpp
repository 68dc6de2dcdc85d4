#include "core/key_set.h"

#include <cstring>
#include <random>

#include "core/staged_file.h"

namespace etl
{

KeySet::KeySet()
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
KeySet::grow()
{
	const std::unique_ptr<Hash[]> before = std::move(places_);
	const size_t count = capacity_;
	capacity_ = count == 0 ? 1024 : count * 2;
	places_ = std::make_unique<Hash[]>(capacity_);
	for (size_t i = 0; i < count; ++i)
		if (before[i] != Hash())
			places_[place_of(before[i])] = before[i];
}

void
KeySet::add(std::string_view key)
{
	if (size_ >= capacity_ / 4 * 3)
		grow();
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
	return size_ > 0 && places_[place_of(hash_of(key))] != Hash();
}

} // namespace etl
