#include "load/key_memory.h"

#include <algorithm>

#include "pg/limits.h"
#include "pg/temp_file.h"

namespace etl
{

namespace
{

/// Whether the record was refused after the check for duplicates, so that it claims its key.
bool
claims_key(const BatchRecord &r)
{
	return !r.accepted && r.record->key.data() != nullptr && r.record->violations != nullptr &&
		   r.record->violations->front().code >= Code::reference;
}

} // namespace

std::vector<CheckMemory::Known> &
CheckMemory::of(const std::shared_ptr<const KeyDictionary> &dictionary)
{
	for (auto &entry : known_)
		if (entry.first == dictionary)
			return entry.second;
	return known_.emplace_back(dictionary, std::vector<Known>()).second;
}

void
CheckMemory::forget_old()
{
	// the current batch owns its dictionaries, and the staging threads those that they fill
	std::erase_if(known_, [](const auto &entry) { return entry.first.use_count() == 1; });
}

void
CheckMemory::note_loaded(const Batch &batch)
{
	if (any_claims == false)
		any_claims = std::any_of(batch.records.begin(), batch.records.end(), claims_key);
	if (!only_own_keys)
		return;
	for (const BatchRecord &r : batch.records)
		if (r.accepted && r.record->key.data() != nullptr)
		{
			own_.add(r.record->key_hash);
			if (own_keys_)
				own_keys_->add(r.record->key);
		}
}

void
CheckMemory::know_own_keys()
{
	own_keys_.emplace([] { return std::make_unique<pg::TempFile>(); }, limits::own_key_memory);
}

} // namespace etl
