#include "core/staging/key_dictionary.h"

#include <functional>
#include <random>
#include <utility>

namespace etl
{

namespace
{

/// Up to this number of slots at most half of them are used, beyond it at most three quarters.
constexpr size_t few_slots = 131072;

/// Random, so that the author of a file cannot choose keys that collide.
const uint64_t seed = []
{
	std::random_device random;
	return uint64_t{random()} << 32 | random();
}();

} // namespace

uint64_t
hash_bytes(std::string_view bytes)
{
	return std::hash<std::string_view>()(bytes);
}

KeyDictionary::KeyDictionary() : slots_(256) {}

/// Uses the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
size_t
KeyDictionary::place_of(const Slot &slot)
{
	uint64_t x = slot.text_or_hash ^ seed ^ slot.kind;
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void
KeyDictionary::fill(std::vector<Slot> &slots, const Slot &slot) const
{
	const size_t mask = slots.size() - 1;
	size_t at = place_of(slot) & mask;
	while (slots[at].number != 0)
		at = (at + 1) & mask;
	slots[at] = slot;
}

void
KeyDictionary::grow()
{
	if (slots_.empty()) // freeze() has removed the slots
	{
		slots_.resize(std::bit_ceil(size_t{size_} * 2 + 256));
		for (uint32_t number = 0; number < size_; ++number)
		{
			const Key key = (*this)[number];
			Slot slot = slot_of(key.target, key.text);
			slot.number = number + 1;
			fill(slots_, slot);
		}
		return;
	}
	// a large table grows by a smaller factor, because the old and the new one exist at the same
	// time
	std::vector<Slot> larger(slots_.size() * (slots_.size() < few_slots ? 4 : 2));
	for (const Slot &slot : slots_)
		if (slot.number != 0)
			fill(larger, slot);
	slots_.swap(larger);
}

uint32_t
KeyDictionary::add(uint32_t target, std::string_view text, std::string_view binary)
{
	if (size_ >=
		slots_.size() / (slots_.size() <= few_slots ? 2 : 4) * (slots_.size() <= few_slots ? 1 : 3))
		grow();
	Slot wanted = slot_of(target, text);
	const size_t mask = slots_.size() - 1;
	size_t at = place_of(wanted) & mask;
	for (; slots_[at].number != 0; at = (at + 1) & mask)
	{
		const Slot &slot = slots_[at];
		if (slot.text_or_hash == wanted.text_or_hash && slot.kind == wanted.kind &&
			(text.size() < long_text || (*this)[slot.number - 1].text == text))
			return slot.number - 1;
	}
	const size_t in = chunk_of(size_);
	auto &chunk = chunks_[in];
	if (!chunk)
		chunk = std::make_unique_for_overwrite<const char *[]>(size_t{1024} << in);
	const Head head{target, static_cast<uint32_t>(text.size()),
					text == binary ? same : static_cast<uint32_t>(binary.size())};
	char *const to =
		arena_.allocate(sizeof head + text.size() + (head.binary_size == same ? 0 : binary.size()));
	std::memcpy(to, &head, sizeof head);
	std::memcpy(to + sizeof head, text.data(), text.size());
	if (head.binary_size != same)
		std::memcpy(to + sizeof head + text.size(), binary.data(), binary.size());
	chunk[size_ - first_of(in)] = to;
	wanted.number = ++size_;
	slots_[at] = wanted;
	return size_ - 1;
}

} // namespace etl
