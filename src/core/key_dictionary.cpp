#include "core/key_dictionary.h"

#include <functional>

namespace etl
{

uint64_t
hash_bytes(std::string_view bytes)
{
	return std::hash<std::string_view>()(bytes);
}

KeyDictionary::KeyDictionary() : slots_(256) {}

void
KeyDictionary::grow()
{
	// large ones more slowly: both are held at once
	std::vector<Slot> larger(slots_.size() * (slots_.size() < 65536 ? 4 : 2));
	const size_t mask = larger.size() - 1;
	for (const Slot &slot : slots_)
		if (slot.number != 0)
		{
			size_t at = slot.hash & mask;
			while (larger[at].number != 0)
				at = (at + 1) & mask;
			larger[at] = slot;
		}
	slots_.swap(larger);
}

uint32_t
KeyDictionary::add(uint32_t target, std::string_view text, std::string_view binary)
{
	if (size_ * 2 >= slots_.size())
		grow();
	const uint32_t hash = static_cast<uint32_t>(hash_bytes(text)) + target * 0x9e3779b1u;
	const size_t mask = slots_.size() - 1;
	size_t at = hash & mask;
	const uint64_t first = first_bytes(text);
	const uint32_t size = static_cast<uint32_t>(text.size());
	for (; slots_[at].number != 0; at = (at + 1) & mask)
	{
		const Slot &slot = slots_[at];
		if (slot.hash == hash && slot.target == target && slot.size == size && slot.text == first &&
			(size <= sizeof first || (*this)[slot.number - 1].text == text))
			return slot.number - 1;
	}
	const size_t in = chunk_of(size_);
	auto &chunk = chunks_[in];
	if (!chunk)
		chunk = std::make_unique<Key[]>(size_t{1024} << in);
	const std::string_view copy = arena_.copy(text);
	chunk[size_ - first_of(in)] = {target, copy, text == binary ? copy : arena_.copy(binary)};
	slots_[at] = {hash, ++size_, target, size, first};
	return size_ - 1;
}

} // namespace etl
