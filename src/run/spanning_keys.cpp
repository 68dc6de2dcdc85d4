#include "run/spanning_keys.h"

#include "pg/temp_file.h"
#include "run/batch.h"

namespace etl
{

namespace
{

#ifdef ETL_FAULTS
constexpr size_t key_memory = 512; // the tests that crash have few keys
#else
constexpr size_t key_memory = 16 << 20;
#endif

} // namespace

SpanningKeys::SpanningKeys() : keys([] { return std::make_unique<pg::TempFile>(); }, key_memory) {}

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
