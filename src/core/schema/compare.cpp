// Comparison of values for enum, const and uniqueItems, and the table of names.
#include "core/schema/compare.h"

#include <algorithm>
#include <charconv>

#include "core/schema/program.h"

namespace etl
{

namespace
{

constexpr uint64_t multiplier = 0x9e3779b97f4a7c15u;

template <typename T>
uint64_t
load(const char *p)
{
	T v;
	std::memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * multiplier;
	return h ^ (h >> 32);
}

uint64_t
hash_bytes(uint64_t seed, std::string_view s)
{
	uint64_t h = mix(seed, s.size());
	const char *p = s.data();
	const char *end = p + s.size();
	if (s.size() >= 8)
	{
		for (; end - p > 8; p += 8)
			h = mix(h, load<uint64_t>(p));
		return mix(h, load<uint64_t>(end - 8));
	}
	if (s.size() >= 4)
		return mix(h, load<uint32_t>(p) | load<uint32_t>(end - 4) << 32);
	if (s.empty())
		return h;
	const auto byte = [](char c) { return uint64_t{static_cast<unsigned char>(c)}; };
	return mix(h, byte(p[0]) | byte(p[s.size() / 2]) << 8 | byte(end[-1]) << 16);
}

/// A seed that depends on the address at which the library is loaded, which the system chooses at
/// random. So a file cannot be prepared whose values have equal hashes.
uint64_t
process_seed()
{
	static const char anchor = 0;
	return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&anchor)) * multiplier;
}

/// Equal numbers have equal hashes, however they are written.
uint64_t
hash_number(uint64_t seed, std::string_view text)
{
	const auto number = Decimal::parse(text);
	if (!number || number->is_zero())
		return mix(seed, 0);
	char buffer[20];
	std::string_view digits = number->digits(buffer);
	const size_t last = digits.find_last_not_of('0');
	const int64_t exponent = number->exponent() + static_cast<int64_t>(digits.size() - last - 1);
	digits = digits.substr(0, last + 1);
	return mix(hash_bytes(seed + number->is_negative(), digits), static_cast<uint64_t>(exponent));
}

uint64_t
hash_value(uint64_t seed, Value value)
{
	const uint64_t h = mix(seed, static_cast<uint64_t>(value.kind()) + 1);
	switch (value.kind())
	{
	case Kind::null:
		return h;
	case Kind::boolean:
		return mix(h, value.truth());
	case Kind::number:
		return hash_number(h, value.text());
	case Kind::string:
		return hash_bytes(h, value.text());
	case Kind::array:
	{
		uint64_t all = h;
		Value element = value.first();
		for (uint32_t i = 0; i < value.count(); ++i, element = element.next())
			all = mix(all, hash_value(seed, element));
		return all;
	}
	case Kind::object:
	{
		uint64_t sum = 0; // the order of members does not matter
		for (Member m(value); m; m.advance())
			sum += mix(hash_bytes(h, m.name()), hash_value(seed, m.value()));
		return mix(h, sum);
	}
	}
	return h;
}

bool
equal_numbers(std::string_view a, std::string_view b)
{
	if (a == b)
		return true;
	int64_t x, y;
	if (small_integer(a, x) && small_integer(b, y))
		return x == y;
	const auto m = Decimal::parse(a), n = Decimal::parse(b);
	return m && n && m->compare(*n) == 0;
}

bool
equal_objects(Value a, Value b)
{
	const auto sorted = [](Value object)
	{
		std::vector<std::pair<std::string_view, Value>> members;
		members.reserve(object.count());
		for (Member m(object); m; m.advance())
			members.emplace_back(m.name(), m.value());
		std::sort(members.begin(), members.end(),
				  [](const auto &x, const auto &y) { return x.first < y.first; });
		return members;
	};
	const auto x = sorted(a), y = sorted(b);
	return std::equal(x.begin(), x.end(), y.begin(), y.end(),
					  [](const auto &m, const auto &n)
					  { return m.first == n.first && equal(m.second, n.second); });
}

} // namespace

bool
equal(Value a, Value b)
{
	if (a.kind() != b.kind())
		return false;
	switch (a.kind())
	{
	case Kind::null:
		return true;
	case Kind::boolean:
		return a.truth() == b.truth();
	case Kind::number:
		return equal_numbers(a.text(), b.text());
	case Kind::string:
		return a.text() == b.text();
	case Kind::array:
	{
		if (a.count() != b.count())
			return false;
		Value x = a.first(), y = b.first();
		for (uint32_t i = 0; i < a.count(); ++i, x = x.next(), y = y.next())
			if (!equal(x, y))
				return false;
		return true;
	}
	case Kind::object:
		return a.count() == b.count() && equal_objects(a, b);
	}
	return false;
}

bool
find_repeated(Value array, uint32_t &first, uint32_t &second)
{
	const uint32_t count = array.count();
	if (count < 2)
		return false;
	constexpr uint32_t few = 8;
	if (count <= few)
	{
		Value b = array.first().next();
		for (second = 1; second < count; ++second, b = b.next())
		{
			Value a = array.first();
			for (first = 0; first < second; ++first, a = a.next())
				if (equal(a, b))
					return true;
		}
		return false;
	}
	struct Entry
	{
		uint64_t hash;
		uint32_t index;
		Value value;
	};
	std::vector<Entry> entries;
	entries.reserve(count);
	const uint64_t seed = process_seed();
	Value element = array.first();
	for (uint32_t i = 0; i < count; ++i, element = element.next())
		entries.push_back({hash_value(seed, element), i, element});
	std::sort(entries.begin(), entries.end(),
			  [](const Entry &a, const Entry &b)
			  { return a.hash != b.hash ? a.hash < b.hash : a.index < b.index; });
	// Choose the pair whose second element comes first, so that the result does not depend on the
	// seed.
	second = count;
	for (size_t i = 0; i < entries.size(); ++i)
		for (size_t j = i + 1; j < entries.size() && entries[j].hash == entries[i].hash; ++j)
			if (equal(entries[i].value, entries[j].value))
			{
				if (entries[j].index < second)
				{
					first = entries[i].index;
					second = entries[j].index;
				}
				break;
			}
	return second < count;
}

bool
contains_value(const Constants &constants, Value value)
{
	switch (value.kind())
	{
	case Kind::null:
		return constants.has_null;
	case Kind::boolean:
		return value.truth() ? constants.has_true : constants.has_false;
	case Kind::string:
		return constants.strings.find(value.text()) != no_index;
	case Kind::number:
	{
		const auto &integers = constants.integers;
		int64_t small;
		if (small_integer(value.text(), small))
		{
			if (std::binary_search(integers.begin(), integers.end(), small))
				return true;
		}
		else if (const auto number = Decimal::parse(value.text()); number && !integers.empty())
		{
			const auto order = [&](int64_t integer)
			{
				char buffer[24];
				const auto end = std::to_chars(buffer, buffer + sizeof(buffer), integer).ptr;
				return Decimal::parse({buffer, static_cast<size_t>(end - buffer)})
					->compare(*number);
			};
			const auto found = std::partition_point(integers.begin(), integers.end(),
													[&](int64_t i) { return order(i) < 0; });
			if (found != integers.end() && order(*found) == 0)
				return true;
		}
		break;
	}
	default:
		break;
	}
	return std::any_of(constants.others.begin(), constants.others.end(),
					   [&](Value other) { return equal(other, value); });
}

bool
is_integer(std::string_view number)
{
	int64_t value;
	if (small_integer(number, value))
		return true;
	const auto decimal = Decimal::parse(number);
	return decimal && decimal->is_integer();
}

uint64_t
NameTable::hash_of(std::string_view name)
{
	return hash_bytes(multiplier, name);
}

void
NameTable::insert(uint64_t hash, std::string_view name, uint32_t index)
{
	const size_t mask = slots_.size() - 1;
	size_t at = hash & mask;
	while (slots_[at].index != no_index)
		at = (at + 1) & mask;
	slots_[at] = {hash, name.data(), static_cast<uint32_t>(name.size()), index};
}

uint32_t
NameTable::add(std::string_view name)
{
	const uint32_t known = find(name);
	if (known != no_index)
		return known;
	const uint32_t index = static_cast<uint32_t>(names_.size());
	names_.push_back(name);
	// At most a quarter of the slots are used, so that the lookup of an unknown name nearly always
	// ends at the first slot.
	if (names_.size() * 4 > slots_.size())
	{
		slots_.assign(std::max<size_t>(8, slots_.size() * 2), Slot{});
		for (uint32_t i = 0; i < index; ++i)
			insert(hash_of(names_[i]), names_[i], i);
	}
	insert(hash_of(name), name, index);
	return index;
}

uint32_t
NameTable::find(std::string_view name) const
{
	if (slots_.empty())
		return no_index;
	const uint64_t hash = hash_of(name);
	const size_t mask = slots_.size() - 1;
	for (size_t at = hash & mask; slots_[at].index != no_index; at = (at + 1) & mask)
	{
		const Slot &slot = slots_[at];
		if (slot.hash == hash && slot.size == name.size() &&
			std::memcmp(slot.data, name.data(), name.size()) == 0)
			return slot.index;
	}
	return no_index;
}

} // namespace etl
