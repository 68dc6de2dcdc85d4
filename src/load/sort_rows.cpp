#include "load/sort_rows.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "core/base/prefault.h"

namespace etl
{

namespace
{

bool
comes_before(const LoadRow &a, const LoadRow &b)
{
	return a.sort < b.sort;
}

} // namespace

/// First the rows are distributed to buckets by the leading bits in which their keys differ (the
/// keys of a batch are spread over their whole range). Then each bucket, which fits the processor's
/// cache, is sorted.
void
sort_rows(std::vector<LoadRow> &rows)
{
	constexpr int bucket_bits = 11;
	if (rows.size() < size_t{1} << bucket_bits)
	{
		std::stable_sort(rows.begin(), rows.end(), comes_before);
		return;
	}
	const auto [least, greatest] = std::minmax_element(rows.begin(), rows.end(), comes_before);
	const uint64_t first = least->sort;
	const int shift =
		std::max(0, static_cast<int>(std::bit_width(greatest->sort - first)) - bucket_bits);
	std::vector<size_t> ends((size_t{1} << bucket_bits) + 1);
	for (const LoadRow &row : rows)
		++ends[((row.sort - first) >> shift) + 1];
	std::partial_sum(ends.begin(), ends.end(), ends.begin());
	std::vector<LoadRow> sorted;
	sorted.reserve(rows.size());
	prefault(sorted.data(), rows.size() * sizeof(LoadRow));
	sorted.resize(rows.size());
	for (const LoadRow &row : rows)
		sorted[ends[(row.sort - first) >> shift]++] = row;
	ptrdiff_t begin = 0;
	for (const size_t end : ends)
	{
		std::stable_sort(sorted.begin() + begin, sorted.begin() + static_cast<ptrdiff_t>(end),
						 comes_before);
		begin = static_cast<ptrdiff_t>(end);
	}
	rows.swap(sorted);
}

} // namespace etl
