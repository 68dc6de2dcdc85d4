#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <unordered_set>
#include <utility>

#include "core/prefault.h"
#include "pg/table_statement.h"
#include "pg/temp_file.h"
#include "run/batch.h"
#include "run/missing_references.h"

namespace etl
{

Violation
duplicate_violation(const Definition &definition, const char *where)
{
	return {Code::duplicate, "key",   definition.key_field,
			"/x-etl/key",    "23505", definition.key_field + ": key " + where};
}

namespace
{

/// Of the keys that a run has loaded; the rest is in a temporary file.
#ifdef ETL_FAULTS
constexpr size_t own_key_memory = 512; // the tests that crash have few keys
#else
constexpr size_t own_key_memory = 8 << 20;
#endif

/// Records by key, the first of each. Open addressing over the hashes that the staging threads have
/// computed: a batch has many keys, and the main thread nothing to spare.
class KeyTable
{
  public:
	KeyTable(const std::vector<BatchRecord> &records)
		: records_(records), slots_(std::bit_ceil(records.size() * 2 + 1), no_record)
	{
	}
	/// Where the record with that record's key is noted; no_record in it when there is none.
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

/// Runs the query, whose one parameter is an array of keys and whose result are positions in it
/// from 1 on, over some of the keys after the other: a key and its answer take many times its
/// bytes.
template <typename Visit>
void
ask_in_slices(const std::vector<std::string_view> &keys, Oid type, const std::string &sql,
			  Visit &&visit)
{
	constexpr size_t keys_at_once = 200'000;
	for (size_t from = 0; from < keys.size(); from += keys_at_once)
	{
		const pg::MemoryScope memory_scope;
		const size_t to = std::min(keys.size(), from + keys_at_once);
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
	const ColumnDefinition &key = table.columns[static_cast<size_t>(definition.key_column)];
	// in order: where the index is asked key by key, neighbours are on the same pages
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

namespace
{

/// The first record with a key claims it, even if it is quarantined: keys of open quarantined
/// records (or treated ones: whose record it is does not matter to its key) that got as far as the
/// duplicate test and are not in this batch themselves.
std::vector<uint32_t>
keys_claimed_in_quarantine(const Definition &definition, const std::vector<BatchRecord> &records,
						   const std::vector<uint32_t> &candidates)
{
	std::vector<uint32_t> found;
	static const char *const claims =
		"q.dataset = $1 AND q.status IN ('open', 'erased')"
		" AND q.key IS NOT NULL AND q.code IN ('reference', 'check', 'constraint')";
	if (candidates.empty() ||
		pg::query(std::string("SELECT 1 FROM etl.quarantine q WHERE ") + claims + " LIMIT 1",
				  {pg::param(definition.dataset)})
			.empty())
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
			" AND NOT EXISTS (SELECT FROM unnest($4::bigint[]) batch(id) WHERE batch.id = "
			"q.quarantine_id))",
		{pg::param(definition.dataset), pg::param_array(keys), pg::param_array(ids),
		 pg::param_array(in_batch)});
	for (uint64_t r = 0; r < rows.size(); ++r)
		found.push_back(candidates[static_cast<size_t>(rows.integer(r, 0) - 1)]);
	return found;
}

void
check_keys(const Definition &definition, std::vector<BatchRecord> &records,
		   const SpanningKeys *spanning, const CheckMemory *memory)
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
			record.add(duplicate_violation(definition, "appears earlier in the same file"));
			continue;
		}
		uint32_t &at = first.find(record);
		if (at == KeyTable::no_record)
		{
			// one that is refused already claims no key, but may have one that is taken
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
			// a later file's record takes the place of an earlier one's
			earlier.superseded = true;
			at = i;
			candidates.push_back(i);
			continue;
		}
		record.add(duplicate_violation(definition, earlier.record->file == record.file
													   ? "appears earlier in the same file"
													   : "appears in an earlier file"));
	}
	for (const uint32_t i : keys_in_table(definition, records, candidates, memory))
	{
		if (update)
			records[i].exists = true;
		else
			records[i].record->add(duplicate_violation(definition, "is loaded already"));
	}
	if (!update)
		for (const uint32_t i : keys_claimed_in_quarantine(definition, records, candidates))
			records[i].record->add(
				duplicate_violation(definition, "belongs to a record in quarantine"));
}

/// Asks the database which keys of one dataset it lacks, and notes it.
void
ask_for_keys(const Catalog &catalog, const std::string &dataset,
			 const std::vector<std::pair<const KeyDictionary *, uint32_t>> &keys,
			 const std::function<void(size_t, bool)> &note)
{
	const Definition *parent = catalog.find(dataset);
	const bool exists =
		parent != nullptr && !parent->tables.empty() && find_table(parent->tables[0]);
	for (size_t i = 0; i < keys.size(); ++i)
		note(i, exists);
	if (!exists)
		return;
	const ColumnDefinition &key =
		parent->tables[0].columns[static_cast<size_t>(parent->key_column)];
	std::vector<std::string_view> binaries;
	binaries.reserve(keys.size());
	for (const auto &[dictionary, number] : keys)
		binaries.push_back((*dictionary)[number].binary);
	ask_in_slices(binaries, type_oid(key.type),
				  "SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE NOT EXISTS (SELECT"
				  " FROM " +
					  quoted(parent->tables[0]) + " t WHERE t." + pg::quote(key.name) + " = b.key)",
				  [&](size_t i) { note(i, false); });
}

void
check_references(const Catalog &catalog, const Definition &definition,
				 std::vector<BatchRecord> &records, CheckMemory &memory)
{
	using Known = CheckMemory::Known;
	// per dataset: each key that is not known to be there, once
	struct Question
	{
		std::vector<std::pair<const KeyDictionary *, uint32_t>> keys;
		std::vector<std::vector<Known> *> known;
	};
	std::map<uint32_t, Question> ask;
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
			Known &state = (*known)[reference->key];
			if (state == Known::present || state == Known::asked)
				continue;
			state = Known::asked;
			Question &question = ask[(*piece->dictionary)[reference->key].target];
			question.keys.emplace_back(piece->dictionary.get(), reference->key);
			question.known.push_back(known);
		}
	}
	for (const auto &[target, question] : ask)
		ask_for_keys(catalog, definition.references[target].dataset, question.keys,
					 [&, q = &question](size_t i, bool present) {
						 (*q->known[i])[q->keys[i].second] =
							 present ? Known::present : Known::missing;
					 });
	for (const auto &[target, question] : ask)
		for (size_t i = 0; i < question.keys.size(); ++i)
			if ((*question.known[i])[question.keys[i].second] == Known::missing)
				all_present = false;
	if (all_present)
		return;
	MissingReferences missing(definition);
	for (const BatchRecord &r : records)
	{
		if (r.record->reference_count == 0)
			continue;
		StagedReference *reference = &r.piece->references[r.record->first_reference];
		const std::vector<Known> &of_piece = memory.of(r.piece->dictionary);
		uint32_t count = 0;
		for (uint32_t i = 0; i < r.record->reference_count; ++i, ++reference)
		{
			// of a record that is refused already only what can be read is looked for
			reference->missing = reference->key == StagedReference::no_key
									 ? r.record->loadable
									 : of_piece[reference->key] != Known::present;
			count += reference->missing;
		}
		r.record->has_more_missing = count > 1;
		if (count > 0)
			missing.tell_first(r);
	}
}

} // namespace

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
	kept_out.clear();
}

size_t
Batch::accepted() const
{
	return static_cast<size_t>(std::count_if(records.begin(), records.end(),
											 [](const BatchRecord &r) { return r.accepted; }));
}

void
check(const Catalog &catalog, const Definition &definition, Batch &batch,
	  const SpanningKeys *spanning, CheckMemory *memory)
{
	check_keys(definition, batch.records, spanning, memory);
	if (!definition.references.empty())
	{
		CheckMemory of_batch;
		check_references(catalog, definition, batch.records, memory ? *memory : of_batch);
	}
	for (BatchRecord &r : batch.records)
	{
		r.accepted = r.record->loadable && r.record->violations == nullptr;
		if (r.record->violations)
			std::stable_sort(r.record->violations->begin(), r.record->violations->end(),
							 [](const Violation &a, const Violation &b)
							 { return a.code < b.code; });
	}
	if (definition.on_repeat != OnRepeat::update)
		return;
	// a record that took another's place but is refused gives it back
	KeyTable last(batch.records);
	for (uint32_t i = 0; i < batch.records.size(); ++i)
	{
		BatchRecord &r = batch.records[i];
		r.superseded = false;
		if (!r.accepted || r.record->key.data() == nullptr)
			continue;
		uint32_t &at = last.find(*r.record);
		if (at != KeyTable::no_record)
		{
			batch.records[at].superseded = true;
			r.exists = r.exists || batch.records[at].exists;
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

bool
has_rows(const TableDefinition &table)
{
	return find_table(table) &&
		   !pg::query_table("SELECT 1 FROM " + quoted(table) + " LIMIT 1").empty();
}

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
	// the batch in hand holds its dictionaries, and the staging threads those that they fill
	std::erase_if(known_, [](const auto &entry) { return entry.first.use_count() == 1; });
}

void
CheckMemory::note_loaded(const Batch &batch)
{
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
	own_keys_.emplace([] { return std::make_unique<pg::TempFile>(); }, own_key_memory);
}

} // namespace etl
