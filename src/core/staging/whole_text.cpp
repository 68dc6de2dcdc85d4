#include "core/staging/whole_text.h"

#include <algorithm>

#include "core/json/document.h"

namespace etl
{

namespace
{

/// A buffer with less free space than this grows before more is read into it.
constexpr size_t spare_bytes = 4096;

} // namespace

size_t
WholeText::capacity_for(size_t size)
{
	return size + Document::padding + 2 * spare_bytes;
}

bool
WholeText::read(FileReader &reader, size_t longest)
{
	for (;;)
	{
		if (capacity - size < Document::padding + spare_bytes)
		{
			if (size > longest)
				return false;
			move_to(capacity * 2);
		}
		const size_t got = reader.read(buffer.get() + size, capacity - size - Document::padding);
		if (got == 0)
			return true;
		size += got;
	}
}

void
WholeText::fit()
{
	if (capacity > 2 * size)
		move_to(size + Document::padding);
}

void
WholeText::move_to(size_t new_capacity)
{
	auto other = std::make_shared_for_overwrite<char[]>(new_capacity);
	std::copy_n(buffer.get(), size, other.get());
	buffer = std::move(other);
	capacity = new_capacity;
}

} // namespace etl
