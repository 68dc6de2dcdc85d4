#include "load/batch.h"

#include <algorithm>

namespace etl
{

void
Batch::collect()
{
	records.clear();
	size_t count = 0;
	for (const auto &piece : pieces)
		count += piece->records.size();
	records.reserve(count);
	prefault(records.data(), count * sizeof(BatchRecord));
	for (const auto &piece : pieces)
		for (StagedRecord &record : piece->records)
			records.push_back({&record, piece.get()});
}

void
Batch::clear()
{
	pieces.clear();
	records.clear();
	promised.clear();
	kept_out.clear();
}

size_t
Batch::accepted() const
{
	return static_cast<size_t>(std::count_if(records.begin(), records.end(),
											 [](const BatchRecord &r) { return r.accepted; }));
}

} // namespace etl
