#include <algorithm>
#include <unordered_map>

#include "run/batch.h"

namespace etl
{

Violation
duplicate_violation(const Definition &definition, const char *where)
{
	return {Code::duplicate, "key",   definition.key_field,
			"/x-etl/key",    "23505", definition.key_field + ": key " + where};
}

std::vector<uint32_t>
keys_in_table(const Definition &definition, const std::vector<BatchRecord> &records,
			  const std::vector<uint32_t> &candidates)
{
	std::vector<uint32_t> found;
	if (definition.tables.empty() || candidates.empty())
		return found;
	const TableDefinition &table = definition.tables[0];
	if (!find_table(table))
		return found;
	const ColumnDefinition &key = table.columns[static_cast<size_t>(definition.key_column)];
	// nothing to compare with while the table is empty: the first load of a backlog
	if (pg::query("SELECT 1 FROM " + quoted(table) + " LIMIT 1").empty())
		return found;
	std::vector<std::string_view> keys;
	keys.reserve(candidates.size());
	for (const uint32_t i : candidates)
		keys.push_back(records[i].record->key_binary);
	const pg::Rows rows = pg::query(
		"SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE EXISTS (SELECT FROM " +
			quoted(table) + " t WHERE t." + pg::quote(key.name) + " = b.key)",
		{pg::param_array(type_oid(key.type), keys)});
	found.reserve(rows.size());
	for (uint64_t r = 0; r < rows.size(); ++r)
		found.push_back(candidates[static_cast<size_t>(rows.integer(r, 0) - 1)]);
	return found;
}

namespace
{

/// The first record with a key claims it, even if it is quarantined: keys of open quarantined
/// records that got as far as the duplicate test and are not in this batch themselves.
std::vector<uint32_t>
keys_claimed_in_quarantine(const Definition &definition, const std::vector<BatchRecord> &records,
						   const std::vector<uint32_t> &candidates)
{
	std::vector<uint32_t> found;
	static const char *const claims = "q.dataset = $1 AND q.status = 'open' AND q.key IS NOT NULL"
									  " AND q.code IN ('reference', 'check', 'constraint')";
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
		   const SpanningKeys *spanning)
{
	if (definition.key_field.empty())
		return;
	const bool update = definition.on_repeat == OnRepeat::update;
	std::unordered_map<std::string_view, uint32_t> first;
	first.reserve(records.size());
	std::vector<uint32_t> candidates;
	candidates.reserve(records.size());
	for (uint32_t i = 0; i < records.size(); ++i)
	{
		StagedRecord &record = *records[i].record;
		if (!record.loadable || record.key.data() == nullptr)
			continue;
		if (spanning != nullptr && record.file == spanning->file &&
			spanning->keys.count(std::string(record.key)) > 0)
		{
			record.add(duplicate_violation(definition, "appears earlier in the same file"));
			continue;
		}
		const auto [at, is_new] = first.try_emplace(record.key, i);
		if (is_new)
		{
			candidates.push_back(i);
			continue;
		}
		BatchRecord &earlier = records[at->second];
		if (update && (earlier.record->file != record.file || record.quarantine_id != 0))
		{
			// a later file's record takes the place of an earlier one's
			earlier.superseded = true;
			at->second = i;
			candidates.push_back(i);
			continue;
		}
		record.add(duplicate_violation(definition, earlier.record->file == record.file
													   ? "appears earlier in the same file"
													   : "appears in an earlier file"));
	}
	for (const uint32_t i : keys_in_table(definition, records, candidates))
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

void
check_references(const Catalog &catalog, const Definition &definition,
				 std::vector<BatchRecord> &records)
{
	// per dataset: each key once, and which of them the target lacks
	std::map<std::string, std::unordered_map<std::string_view, bool>> missing;
	std::map<std::string, std::vector<std::string_view>> texts, binaries;
	for (const BatchRecord &r : records)
	{
		if (!r.record->loadable)
			continue;
		for (uint32_t i = 0; i < r.record->reference_count; ++i)
		{
			const StagedReference &reference = r.piece->references[r.record->first_reference + i];
			if (reference.binary.data() == nullptr)
				continue;
			const std::string &dataset = definition.references[reference.rule].dataset;
			if (missing[dataset].try_emplace(reference.key, false).second)
			{
				texts[dataset].push_back(reference.key);
				binaries[dataset].push_back(reference.binary);
			}
		}
	}
	for (auto &[dataset, keys] : missing)
	{
		const Definition *parent = catalog.find(dataset);
		if (parent == nullptr || parent->tables.empty() || !find_table(parent->tables[0]))
		{
			for (auto &key : keys)
				key.second = true;
			continue;
		}
		const ColumnDefinition &key =
			parent->tables[0].columns[static_cast<size_t>(parent->key_column)];
		const pg::Rows rows = pg::query(
			"SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE NOT EXISTS (SELECT FROM " +
				quoted(parent->tables[0]) + " t WHERE t." + pg::quote(key.name) + " = b.key)",
			{pg::param_array(type_oid(key.type), binaries[dataset])});
		for (uint64_t r = 0; r < rows.size(); ++r)
			keys[texts[dataset][static_cast<size_t>(rows.integer(r, 0) - 1)]] = true;
	}
	for (BatchRecord &r : records)
	{
		if (!r.record->loadable)
			continue;
		for (uint32_t i = 0; i < r.record->reference_count; ++i)
		{
			const StagedReference &reference = r.piece->references[r.record->first_reference + i];
			const std::string &dataset = definition.references[reference.rule].dataset;
			if (reference.binary.data() != nullptr && !missing[dataset][reference.key])
				continue;
			const std::string pointer(reference.pointer);
			r.record->add({Code::reference, "references", pointer,
						   "/x-etl/references/" + std::to_string(reference.rule), "23503",
						   pointer + ": no such key in dataset " + dataset, dataset,
						   std::string(reference.key)});
		}
	}
}

} // namespace

void
Batch::collect()
{
	records.clear();
	for (const auto &piece : pieces)
		for (StagedRecord &record : piece->records)
			records.push_back({&record, piece.get()});
}

size_t
Batch::accepted() const
{
	return static_cast<size_t>(std::count_if(records.begin(), records.end(),
											 [](const BatchRecord &r) { return r.accepted; }));
}

void
check(const Catalog &catalog, const Definition &definition, Batch &batch,
	  const SpanningKeys *spanning)
{
	check_keys(definition, batch.records, spanning);
	if (!definition.references.empty())
		check_references(catalog, definition, batch.records);
	for (BatchRecord &r : batch.records)
	{
		r.accepted = r.record->loadable && r.record->violations == nullptr;
		if (r.record->violations)
			std::stable_sort(r.record->violations->begin(), r.record->violations->end(),
							 [](const Violation &a, const Violation &b)
							 { return a.code < b.code; });
	}
	// a record that took another's place but is refused gives it back
	std::unordered_map<std::string_view, BatchRecord *> last;
	if (definition.on_repeat == OnRepeat::update)
	{
		for (BatchRecord &r : batch.records)
		{
			r.superseded = false;
			if (!r.accepted || r.record->key.data() == nullptr)
				continue;
			const auto [at, is_new] = last.try_emplace(r.record->key, &r);
			if (!is_new)
			{
				at->second->superseded = true;
				r.exists = r.exists || at->second->exists;
				at->second = &r;
			}
		}
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
