#include "load/spanning_keys.h"

#include "load/batch.h"
#include "pg/limits.h"
#include "pg/temp_file.h"

namespace etl
{

SpanningKeys::SpanningKeys()
	: keys([] { return std::make_unique<pg::TempFile>(); }, limits::spanning_key_memory)
{
}

void
SpanningKeys::remember(const Batch &batch, uint32_t last_file, const std::vector<uint32_t> &ended)
{
	if (batch.records.empty())
		return;
	const bool ends = !ended.empty() && ended.back() >= last_file;
	if (ends || file != last_file)
		*this = SpanningKeys();
	if (ends)
		return;
	file = last_file;
	for (const BatchRecord &r : batch.records)
		if (r.record->file == last_file && r.record->loadable && r.record->key.data() != nullptr)
			keys.add(r.record->key);
}

} // namespace etl
