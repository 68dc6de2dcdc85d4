// The checks of a batch that ask the database: which keys exist, and which references are missing.
//
// Next door: core/staging has made all checks that need no database; missing_references.cpp says
// what is missing in the words of a violation; load.cpp loads the records that are still accepted.
#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "catalog/definitions.h"
#include "core/base/prefault.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/check.h"
#include "load/key_memory.h"
#include "load/load.h"
#include "load/missing_references.h"
#include "load/own_references.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "pg/table_statement.h"
#include "pg/temp_file.h"

namespace etl
{

Violation
duplicate_violation(const Definition &definition, const char *what)
{
	return {Code::duplicate,
			"key",
			definition.key_field,
			"/x-etl/key",
			sqlstate::unique_violation,
			definition.key_field + ": " + what};
}

void
tell_of_refused_originals(const Definition &definition, std::vector<BatchRecord> &records)
{
	for (BatchRecord &r : records)
		if (r.repeats != BatchRecord::nothing && !records[r.repeats].accepted)
			for (Violation &violation : *r.record->violations)
				if (violation.code == Code::duplicate)
					violation = duplicate_violation(definition, key_is_quarantined);
}

namespace
{

/// Finds the first record with a key. Uses open addressing with the hashes that the staging threads
/// have computed, because a batch has many keys and the main thread is the bottleneck.
class KeyTable
{
  public:
	KeyTable(const std::vector<BatchRecord> &records)
		: records_(records), slots_(std::bit_ceil(records.size() * 2 + 1), no_record)
	{
	}
	/// The slot for the record's key. It has the index of the first record with this key, or
	/// no_record.
	uint32_t &find(const StagedRecord &record)
	{
		const size_t mask = slots_.size() - 1;
		for (size_t at = mix(record.key_hash) & mask;; at = (at + 1) & mask)
			if (slots_[at] == no_record ||
				(records_[slots_[at]].record->key_hash == record.key_hash &&
				 records_[slots_[at]].record->key == record.key))
				return slots_[at];
	}
	static constexpr uint32_t no_record = UINT32_MAX;

  private:
	static uint64_t mix(uint64_t hash) { return hash ^ hash >> 32; }

	const std::vector<BatchRecord> &records_;
	std::vector<uint32_t> slots_;
};

/// Runs the query for some of the keys at a time. Its only parameter is an array of keys, and its
/// result are positions in this array, counted from 1.
template <typename Visit>
void
ask_in_slices(const std::vector<std::string_view> &keys, Oid type, const std::string &sql,
			  Visit &&visit)
{
	for (size_t from = 0; from < keys.size(); from += limits::checked_keys)
	{
		const pg::MemoryScope memory_scope;
		const size_t to = std::min(keys.size(), from + limits::checked_keys);
		const std::vector<std::string_view> slice(keys.begin() + static_cast<ptrdiff_t>(from),
												  keys.begin() + static_cast<ptrdiff_t>(to));
		const pg::Rows rows = pg::query_table(sql, {pg::param_array(type, slice)});
		for (uint64_t r = 0; r < rows.size(); ++r)
			visit(from + static_cast<size_t>(rows.integer(r, 0) - 1));
	}
}

} // namespace

std::vector<uint32_t>
keys_in_table(const Definition &definition, const std::vector<BatchRecord> &records,
			  std::vector<uint32_t> candidates, const CheckMemory *memory)
{
	std::vector<uint32_t> found;
	if (definition.tables.empty())
		return found;
	const TableDefinition &table = definition.tables[0];
	if (memory != nullptr && memory->only_own_keys)
	{
		if (!memory->any_own())
			return found;
		std::erase_if(candidates,
					  [&](uint32_t i) { return !memory->may_be_own(*records[i].record); });
		if (memory->knows_own_keys())
			return candidates;
	}
	if (candidates.empty() || !has_rows(table))
		return found;
	const ColumnDefinition &key = *definition.key_column();
	// sorted, because neighbouring keys are on the same index pages
	std::sort(candidates.begin(), candidates.end(),
			  [&](uint32_t a, uint32_t b)
			  { return records[a].record->key_binary < records[b].record->key_binary; });
	std::vector<std::string_view> keys;
	keys.reserve(candidates.size());
	for (const uint32_t i : candidates)
		keys.push_back(records[i].record->key_binary);
	ask_in_slices(keys, type_oid(key.type),
				  "SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE EXISTS (SELECT"
				  " FROM " +
					  quoted(table) + " t WHERE t." + pg::quote(key.name) + " = b.key)",
				  [&](size_t i) { found.push_back(candidates[i]); });
	return found;
}

std::vector<size_t>
keys_not_in_table(const Definition &definition, const std::vector<std::string_view> &keys)
{
	std::vector<size_t> missing;
	if (keys.empty())
		return missing;
	const ColumnDefinition &key = *definition.key_column();
	ask_in_slices(keys, type_oid(key.type),
				  "SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE NOT EXISTS (SELECT"
				  " FROM " +
					  quoted(definition.tables[0]) + " t WHERE t." + pg::quote(key.name) +
					  " = b.key)",
				  [&](size_t i) { missing.push_back(i); });
	return missing;
}

namespace
{

/// The first record with a key claims it, even if that record is quarantined. Returns the
/// candidates whose key belongs to a quarantined record that is not in this batch. The quarantined
/// record must be open (or treated, because this does not change its key) and must have passed the
/// steps before the check for duplicates.
std::vector<uint32_t>
keys_claimed_in_quarantine(const Definition &definition, const std::vector<BatchRecord> &records,
						   const std::vector<uint32_t> &candidates, CheckMemory *memory)
{
	std::vector<uint32_t> found;
	if (candidates.empty())
		return found;
	static const char *const claims =
		"q.dataset = $1 AND q.status IN ('open', 'erased')"
		" AND q.key IS NOT NULL AND q.code IN ('reference', 'check', 'constraint')";
	std::optional<bool> of_call;
	std::optional<bool> &any = memory != nullptr ? memory->any_claims : of_call;
	if (!any)
		any = !pg::query(std::string("SELECT 1 FROM etl.quarantine q WHERE ") + claims + " LIMIT 1",
						 {pg::param(definition.dataset)})
				   .empty();
	if (!*any)
		return found;
	std::vector<std::string_view> keys;
	std::vector<int64_t> ids, in_batch;
	for (const uint32_t i : candidates)
	{
		keys.push_back(records[i].record->key);
		ids.push_back(records[i].record->quarantine_id);
	}
	for (const BatchRecord &r : records)
		if (r.record->quarantine_id != 0)
			in_batch.push_back(r.record->quarantine_id);
	const pg::Rows rows = pg::query(
		std::string("SELECT b.i FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY b(key, id, i)"
					" WHERE EXISTS (SELECT FROM etl.quarantine q WHERE q.key = b.key AND ") +
			claims +
			" AND (b.id = 0 OR q.quarantine_id < b.id)"
			// so that the planner uses a hash table, and not a join that compares each pair
			" AND q.quarantine_id <> ALL ($4::bigint[]))",
		{pg::param(definition.dataset), pg::param_array(keys), pg::param_array(ids),
		 pg::param_array(in_batch)});
	for (uint64_t r = 0; r < rows.size(); ++r)
		found.push_back(candidates[static_cast<size_t>(rows.integer(r, 0) - 1)]);
	return found;
}

void
check_keys(const Definition &definition, std::vector<BatchRecord> &records,
		   const SpanningKeys *spanning, CheckMemory *memory)
{
	if (definition.key_field.empty())
		return;
	const bool update = definition.on_repeat == OnRepeat::update;
	KeyTable first(records);
	std::vector<uint32_t> candidates;
	candidates.reserve(records.size());
	for (uint32_t i = 0; i < records.size(); ++i)
	{
		StagedRecord &record = *records[i].record;
		if (record.key.data() == nullptr)
			continue;
		if (spanning != nullptr && record.file == spanning->file &&
			spanning->keys.contains(record.key))
		{
			record.add(duplicate_violation(definition, key_came_earlier));
			continue;
		}
		uint32_t &at = first.find(record);
		if (at == KeyTable::no_record)
		{
			// a record that is already refused claims no key, but its key may be a duplicate
			if (record.loadable)
				at = i;
			if (record.loadable || !update)
				candidates.push_back(i);
			continue;
		}
		BatchRecord &earlier = records[at];
		if (update && !record.loadable && earlier.record->file != record.file)
			continue;
		if (update && (earlier.record->file != record.file || record.quarantine_id != 0))
		{
			// a record of a later file replaces that of an earlier one
			earlier.superseded = true;
			at = i;
			candidates.push_back(i);
			continue;
		}
		if (earlier.record->file == record.file && record.quarantine_id == 0)
			record.add(duplicate_violation(definition, key_came_earlier));
		else
		{
			// the message is the same as if the earlier record had been in a previous batch
			record.add(duplicate_violation(definition, key_is_loaded));
			records[i].repeats = earlier.repeats == BatchRecord::nothing ? at : earlier.repeats;
			at = i;
		}
	}
	for (const uint32_t i : keys_in_table(definition, records, candidates, memory))
	{
		if (update)
			records[i].exists = true;
		else
			records[i].record->add(duplicate_violation(definition, key_is_loaded));
	}
	if (!update)
		for (const uint32_t i : keys_claimed_in_quarantine(definition, records, candidates, memory))
			records[i].record->add(duplicate_violation(definition, key_is_quarantined));
}

/// Finds the keys of one dataset that are not in its table. Asks for some keys at a time, because a
/// key takes many times its size while it is asked for.
class ReferenceQuestion
{
  public:
	using Known = CheckMemory::Known;

	ReferenceQuestion(const Catalog &catalog, const std::string &dataset)
	{
		const Definition *parent = catalog.find(dataset);
		if (parent == nullptr || parent->tables.empty() || !find_table(parent->tables[0]))
			return;
		const ColumnDefinition &key = *parent->key_column();
		key_type_ = type_oid(key.type);
		sql_ =
			"SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE NOT EXISTS (SELECT FROM " +
			quoted(parent->tables[0]) + " t WHERE t." + pg::quote(key.name) + " = b.key)";
	}

	/// Adds a key to ask for. ask() stores the answer in `known`, which is indexed like the
	/// dictionary.
	void add(const KeyDictionary &dictionary, uint32_t number, std::vector<Known> &known)
	{
		if (sql_.empty())
		{
			known[number] = Known::missing;
			any_missing_ = true;
			return;
		}
		known[number] = Known::asked;
		keys_.push_back(dictionary[number].binary);
		asked_.push_back({&known, number});
		if (keys_.size() == limits::checked_keys)
			ask();
	}
	void ask()
	{
		if (keys_.empty())
			return;
		for (const Asked &key : asked_)
			(*key.known)[key.number] = Known::present;
		ask_in_slices(keys_, key_type_, sql_,
					  [&](size_t i)
					  {
						  (*asked_[i].known)[asked_[i].number] = Known::missing;
						  any_missing_ = true;
					  });
		keys_.clear();
		asked_.clear();
	}
	bool any_missing() const { return any_missing_; }

  private:
	struct Asked
	{
		std::vector<Known> *known;
		uint32_t number;
	};
	std::string sql_; ///< empty: the table does not exist
	Oid key_type_ = InvalidOid;
	std::vector<std::string_view> keys_;
	std::vector<Asked> asked_;
	bool any_missing_ = false;
};

/// Forgets which keys were missing when earlier batches were checked.
void
forget_missing(const std::vector<BatchRecord> &records, CheckMemory &memory)
{
	const KeyDictionary *last = nullptr;
	for (const BatchRecord &r : records)
	{
		if (r.record->reference_count == 0 || r.piece->dictionary.get() == last)
			continue;
		last = r.piece->dictionary.get();
		std::vector<CheckMemory::Known> &known = memory.of(r.piece->dictionary);
		std::replace(known.begin(), known.end(), CheckMemory::Known::missing,
					 CheckMemory::Known::unknown);
	}
}

/// Marks the missing references. A reference to the dataset itself that a record of the batch can
/// satisfy becomes promised.
void
note_missing(const Definition &definition, Batch &batch, CheckMemory &memory)
{
	for (uint32_t n = 0; n < batch.records.size(); ++n)
	{
		BatchRecord &r = batch.records[n];
		r.accepted = r.record->loadable && r.record->violations == nullptr;
		if (r.record->reference_count == 0)
			continue;
		StagedReference *reference = &r.piece->references[r.record->first_reference];
		const std::vector<CheckMemory::Known> &of_piece = memory.of(r.piece->dictionary);
		for (uint32_t i = 0; i < r.record->reference_count; ++i, ++reference)
		{
			// in a record that is already refused, only keys that can be read are checked
			reference->missing = reference->key == StagedReference::no_key
									 ? r.record->loadable
									 : of_piece[reference->key] != CheckMemory::Known::present;
			if (!reference->missing)
				continue;
			if (reference->key != StagedReference::no_key &&
				definition.references[(*r.piece->dictionary)[reference->key].target].dataset ==
					definition.dataset)
			{
				reference->missing = false;
				batch.promised.push_back({n, r.record->first_reference + i});
			}
			else
				r.accepted = false;
		}
	}
	if (!batch.promised.empty())
		take_back_promises(batch);
}

void
check_references(const Catalog &catalog, const Definition &definition, Batch &batch,
				 CheckMemory &memory)
{
	using Known = CheckMemory::Known;
	std::vector<BatchRecord> &records = batch.records;
	forget_missing(records, memory);
	// for each dataset, each key that is not known yet, once
	std::map<uint32_t, ReferenceQuestion> questions;
	bool all_present = true;
	const Piece *piece = nullptr;
	std::vector<Known> *known = nullptr;
	for (const BatchRecord &r : records)
	{
		if (r.record->reference_count == 0)
			continue;
		if (r.piece != piece)
		{
			piece = r.piece;
			known = &memory.of(piece->dictionary);
		}
		const StagedReference *reference = &piece->references[r.record->first_reference];
		for (uint32_t i = 0; i < r.record->reference_count; ++i, ++reference)
		{
			if (reference->key == StagedReference::no_key)
			{
				all_present = all_present && !r.record->loadable;
				continue;
			}
			if (reference->key >= known->size())
				known->resize(std::max<size_t>(reference->key + 1, known->size() * 2));
			if ((*known)[reference->key] != Known::unknown)
				continue;
			const uint32_t target = (*piece->dictionary)[reference->key].target;
			questions.try_emplace(target, catalog, definition.references[target].dataset)
				.first->second.add(*piece->dictionary, reference->key, *known);
		}
	}
	for (auto &[target, question] : questions)
	{
		question.ask();
		all_present = all_present && !question.any_missing();
	}
	if (all_present)
		return;
	note_missing(definition, batch, memory);
	MissingReferences missing(definition);
	for (const BatchRecord &r : records)
		if (r.record->reference_count > 0)
			missing.tell_first(r);
}

} // namespace

void
check(const Catalog &catalog, const Definition &definition, Batch &batch,
	  const SpanningKeys *spanning, CheckMemory *memory)
{
	check_keys(definition, batch.records, spanning, memory);
	if (!definition.references.empty())
	{
		CheckMemory of_batch;
		check_references(catalog, definition, batch, memory ? *memory : of_batch);
	}
	for (BatchRecord &r : batch.records)
	{
		r.accepted = r.record->loadable && r.record->violations == nullptr;
		if (r.record->violations)
			std::stable_sort(r.record->violations->begin(), r.record->violations->end(),
							 [](const Violation &a, const Violation &b)
							 { return a.code < b.code; });
	}
	find_superseded(definition, batch.records);
}

void
find_superseded(const Definition &definition, std::vector<BatchRecord> &records)
{
	if (definition.on_repeat != OnRepeat::update)
		return;
	// if a record that replaced another one is refused, the other one counts again
	KeyTable last(records);
	for (uint32_t i = 0; i < records.size(); ++i)
	{
		BatchRecord &r = records[i];
		r.superseded = false;
		if (!r.accepted || r.record->key.data() == nullptr)
			continue;
		uint32_t &at = last.find(*r.record);
		if (at != KeyTable::no_record)
		{
			records[at].superseded = true;
			r.exists = r.exists || records[at].exists;
		}
		at = i;
	}
}

void
check_and_load(const Catalog &catalog, const Definition &definition, Batch &batch,
			   const SpanningKeys *spanning)
{
	check(catalog, definition, batch, spanning);
	load(definition, batch);
}

} // namespace etl
