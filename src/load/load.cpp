// The load of a batch: COPY into the target tables, updates of rows that are there, and the search
// for the rows that a table refuses.
//
// Next door: check.cpp has decided which records are accepted; load_rows.h hands their rows to
// COPY; replace_rows.cpp updates; quarantine.cpp keeps what was refused.
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/base/prefault.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/check.h"
#include "load/key_memory.h"
#include "load/load.h"
#include "load/missing_references.h"
#include "load/own_references.h"
#include "load/refusal.h"
#include "load/replace_rows.h"
#include "load/row_partition.h"
#include "load/sort_rows.h"
#include "pg/blame.h"
#include "pg/copy.h"
#include "pg/guard.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Thrown if rows of several files were loaded together and a trigger has kept some of them out.
struct RowsKeptOut
{
};

class Loader
{
  public:
	Loader(const Definition &definition, Batch &batch, const CheckMemory *memory)
		: definition_(definition), batch_(batch), memory_(memory), refusals_(definition)
	{
		rows_.resize(definition.tables.size());
		for (size_t t = 0; t < rows_.size(); ++t)
		{
			size_t count = 0;
			for (const auto &piece : batch.pieces)
				count += t < piece->rows.size() ? piece->rows[t].size() : 0;
			rows_[t].reserve(count);
			prefault(rows_[t].data(), count * sizeof(LoadRow));
		}
		uint32_t base = 0;
		for (const auto &piece : batch.pieces)
		{
			for (size_t t = 0; t < piece->rows.size() && t < rows_.size(); ++t)
				for (const StagedRow &row : piece->rows[t])
				{
					const BatchRecord &r = batch.records[base + row.record];
					if (r.accepted) // also superseded records, which may count again
						rows_[t].push_back({row.sort, row.bytes, row.size, base + row.record});
				}
			base += static_cast<uint32_t>(piece->records.size());
		}
		for (auto &rows : rows_)
			sort_rows(rows);
	}

	void run()
	{
		std::vector<uint32_t> all;
		bool superseded = false;
		for (uint32_t i = 0; i < batch_.records.size(); ++i)
			if (batch_.records[i].accepted)
			{
				if (batch_.records[i].superseded)
					superseded = true;
				else
					all.push_back(i);
			}
		if (superseded && may_refuse_rows(definition_))
		{
			load_in_turn();
			return;
		}
		if (!all.empty())
			load(all, true);
		try_again();
		// if a record that replaced another one was refused, the other one is loaded
		while (definition_.on_repeat == OnRepeat::update && !refused_.empty())
			if (const std::vector<uint32_t> records = give_back(); !records.empty())
				load(records, false);
	}

  private:
	/// Loads records with the same key one after the other, so that the table sees each of them. It
	/// may refuse a record that a later file supersedes, as if the record had come in another run.
	/// The number of statements is the largest number of files with the same key.
	void load_in_turn()
	{
		struct Key
		{
			size_t turn = 0;
			bool exists = false;
		};
		std::unordered_map<std::string_view, Key> keys;
		std::vector<std::vector<uint32_t>> turns(1);
		for (uint32_t i = 0; i < batch_.records.size(); ++i)
		{
			const BatchRecord &r = batch_.records[i];
			if (!r.accepted)
				continue;
			size_t turn = 0;
			if (r.record->key.data() != nullptr)
				turn = keys[r.record->key].turn++;
			if (turn == turns.size())
				turns.emplace_back();
			turns[turn].push_back(i);
		}
		for (const std::vector<uint32_t> &records : turns)
		{
			for (const uint32_t i : records)
			{
				BatchRecord &r = batch_.records[i];
				r.superseded = false;
				if (r.record->key.data() != nullptr)
					r.exists = r.exists || keys[r.record->key].exists;
			}
			load(records, false);
			try_again();
			refused_.clear();
			for (const uint32_t i : records)
				if (const BatchRecord &r = batch_.records[i];
					r.accepted && r.record->key.data() != nullptr)
					keys[r.record->key].exists = true;
		}
	}

	/// Whether the error can mean that another row was missing: a foreign key, or an error of a
	/// trigger.
	static bool may_heal(const std::string &sqlstate)
	{
		return sqlstate == sqlstate::foreign_key_violation || sqlstate.compare(0, 2, "P0") == 0;
	}

	/// A row may refer to another row of the batch, which is loaded now. Refused records are tried
	/// again as long as this helps some of them.
	void try_again()
	{
		for (;;)
		{
			std::vector<uint32_t> again, rest;
			for (const uint32_t i : refused_)
				(may_heal(batch_.records[i].record->violations->back().sqlstate) ? again : rest)
					.push_back(i);
			if (again.empty() || batch_.accepted() == 0)
				return;
			for (const uint32_t i : again)
			{
				batch_.records[i].accepted = true;
				batch_.records[i].record->violations.reset(); // there is only one violation
			}
			refused_ = rest;
			load(again, false);
			if (refused_.size() - rest.size() >= again.size())
				return;
		}
	}

	/// The latest superseded records that have the keys of the records that were just refused.
	std::vector<uint32_t> give_back()
	{
		std::unordered_map<std::string_view, uint32_t> keys;
		for (const uint32_t i : refused_)
			if (batch_.records[i].record->key.data() != nullptr)
				keys.emplace(batch_.records[i].record->key, i);
		refused_.clear();
		std::vector<uint32_t> records;
		for (uint32_t i = static_cast<uint32_t>(batch_.records.size()); i-- > 0 && !keys.empty();)
		{
			BatchRecord &r = batch_.records[i];
			if (!r.accepted || !r.superseded)
				continue;
			const auto found = keys.find(r.record->key);
			if (found == keys.end())
				continue;
			r.superseded = false;
			r.exists = r.exists || batch_.records[found->second].exists;
			records.push_back(i);
			keys.erase(found);
		}
		std::reverse(records.begin(), records.end());
		return records;
	}

	/// Loads the records. If a table refuses them together, each half is loaded, until the refused
	/// record is found.
	void load(std::vector<uint32_t> records, bool all)
	{
		std::optional<pg::PgError> error;
		for (int attempt = 0;; ++attempt)
		{
			try
			{
				error = pg::subtransaction([&] { load_once(records, all); });
			}
			catch (const RowsKeptOut &)
			{
				by_file_ = true;
				continue;
			}
			if (!error)
			{
				replace_anew_ = false;
				for (const auto &[file, count] : kept_out_)
					batch_.kept_out[file] += count;
				return;
			}
			// the deadlock with another session was resolved by this rollback
			if (error->sqlstate() == sqlstate::deadlock_detected && attempt < 3)
				continue;
			if (error->sqlstate() != sqlstate::unique_violation)
				break;
			if (somebody_was_faster(records))
			{
				all = false;
				continue;
			}
			// child rows may exchange values that must be unique
			if (replace_anew_ || !replaces_children(records))
				break;
			replace_anew_ = true;
		}
		replace_anew_ = false;
		// Resources, storage or a deadlock are not the fault of the data. For insufficient
		// privilege or a missing table, every row would have the same error.
		if (pg::blame_of(*error) != pg::Blame::row)
			refusals_.raise(*error);
		if (records.size() == 1)
		{
			refuse(batch_.records[records[0]], *error);
			refused_.push_back(records[0]);
			return;
		}
		const auto middle = records.begin() + static_cast<ptrdiff_t>(records.size() / 2);
		load({records.begin(), middle}, false);
		load({middle, records.end()}, false);
	}

	/// Checks whether another session has inserted some of the keys since they were looked up.
	/// These records are duplicates then, as if they had been looked up later. Returns false if
	/// this is not the reason of the error.
	bool somebody_was_faster(std::vector<uint32_t> &records)
	{
		if (definition_.key_column() == nullptr)
			return false;
		// no other session may write to the table, and all keys of this run are known
		if (memory_ != nullptr && memory_->knows_own_keys())
			return false;
		std::vector<uint32_t> fresh;
		for (const uint32_t i : records)
			if (!batch_.records[i].exists && batch_.records[i].record->key.data() != nullptr)
				fresh.push_back(i);
		const std::vector<uint32_t> found = keys_in_table(definition_, batch_.records, fresh);
		for (const uint32_t i : found)
		{
			BatchRecord &r = batch_.records[i];
			if (definition_.on_repeat == OnRepeat::update)
				r.exists = true;
			else
			{
				r.accepted = false;
				r.record->add(duplicate_violation(definition_, key_is_loaded));
			}
		}
		std::erase_if(records, [&](uint32_t i) { return !batch_.records[i].accepted; });
		return !found.empty();
	}

	bool replaces_children(const std::vector<uint32_t> &records) const
	{
		return definition_.tables.size() > 1 &&
			   std::any_of(records.begin(), records.end(),
						   [&](uint32_t i) { return batch_.records[i].exists; });
	}

	void load_once(const std::vector<uint32_t> &records, bool all)
	{
		std::vector<bool> wanted;
		if (!all)
		{
			wanted.resize(batch_.records.size());
			for (const uint32_t i : records)
				wanted[i] = true;
		}
		const bool update = definition_.on_repeat == OnRepeat::update;
		kept_out_.clear();
		replaced_.clear();
		late_.clear();
		for (size_t t = 0; t < rows_.size(); ++t)
		{
			const TableDefinition &table = definition_.tables[t];
			std::vector<LoadRow> subset, existing;
			const std::vector<LoadRow> *fresh = &rows_[t];
			if (!all || update)
			{
				for (const LoadRow &row : rows_[t])
					if (all ? !batch_.records[row.record].superseded : wanted[row.record])
						(batch_.records[row.record].exists ? existing : subset).push_back(row);
				fresh = &subset;
			}
			if (t == 0)
				replace(existing, subset);
			else
				replace_children(table, existing, subset);
			if (fresh->empty())
				continue;
			if (t > 0)
				copy(table, *fresh);
			else
				for_parts(*fresh, [&](const std::vector<LoadRow> &rows)
						  { note_kept_out(rows, copy(table, rows)); });
		}
		note_partitions(records);
	}

	/// Replaces rows of the first table whose keys are in it. Rows whose keys are gone are moved to
	/// `subset`.
	void replace(std::vector<LoadRow> &existing, std::vector<LoadRow> &subset)
	{
		if (existing.empty())
			return;
		leave_out_late(existing);
		if (existing.empty())
			return;
		for_parts(existing,
				  [&](const std::vector<LoadRow> &rows)
				  {
					  const ReplacedRows replaced = replace_rows(definition_, rows);
					  for (size_t i = 0; i < rows.size(); ++i)
						  if (replaced.done.empty() || replaced.done[i])
							  replaced_.emplace(rows[i].record, replaced_.size());
					  for (const size_t i : replaced.missing)
					  {
						  subset.push_back(rows[i]);
						  batch_.records[rows[i].record].exists = false;
					  }
					  note_kept_out(rows, replaced.accounted);
				  });
	}

	/// Replaces the child rows of records whose row was replaced. Child rows of a late file are
	/// left out.
	void replace_children(const TableDefinition &child, const std::vector<LoadRow> &existing,
						  std::vector<LoadRow> &subset)
	{
		if (replaced_.empty())
			return;
		std::vector<std::string_view> keys(replaced_.size());
		for (const auto &[record, number] : replaced_)
			keys[number] = batch_.records[record].record->key_binary;
		std::vector<LoadRow> rows;
		for (LoadRow row : existing)
			if (const auto found = replaced_.find(row.record); found != replaced_.end())
			{
				row.record = found->second;
				rows.push_back(row);
			}
		for (const LoadRow &row : replace_child_rows(definition_, child, keys, rows, replace_anew_))
			subset.push_back(row);
	}

	/// Removes rows whose key has come from a later partition, if the table has no columns for
	/// this.
	void leave_out_late(std::vector<LoadRow> &rows)
	{
		std::vector<size_t> asked;
		if (keeps_row_partitions(definition_))
			for (size_t i = 0; i < rows.size(); ++i)
				asked.push_back(i);
		else if (may_have_unmarked_rows(definition_))
			asked = unmarked_rows(definition_, rows);
		if (asked.empty())
			return;
		std::vector<std::string_view> keys;
		std::vector<int64_t> hours;
		for (const size_t i : asked)
		{
			const StagedRecord &record = *batch_.records[rows[i].record].record;
			keys.push_back(record.key);
			hours.push_back(batch_.partition_of(record.file));
		}
		std::vector<bool> is_late(rows.size());
		for (const size_t late : late_rows(definition_, keys, hours))
		{
			is_late[asked[late]] = true;
			late_.insert(rows[asked[late]].record);
		}
		size_t i = 0;
		std::erase_if(rows, [&](const LoadRow &) { return is_late[i++]; });
	}

	/// Records the partitions of the rows, or deletes the entries if the table has columns for
	/// this.
	void note_partitions(const std::vector<uint32_t> &records)
	{
		const bool keeps = keeps_row_partitions(definition_);
		if (definition_.key_column() == nullptr || (!keeps && !any_row_partitions(definition_)))
			return;
		std::vector<std::string_view> keys;
		std::vector<int64_t> hours;
		for (const uint32_t i : records)
		{
			const StagedRecord &record = *batch_.records[i].record;
			if (record.key.data() == nullptr || late_.count(i) > 0)
				continue;
			keys.push_back(record.key);
			hours.push_back(batch_.partition_of(record.file));
		}
		if (keeps)
			note_row_partitions(definition_, keys, hours);
		else
			forget_row_partitions(definition_, keys);
	}

	static uint64_t copy(const TableDefinition &table, const std::vector<LoadRow> &rows)
	{
		LoadRows source(rows);
		return pg::copy_into_target(find_table(table), column_names(table), source);
	}

	/// Calls visit() with all rows, or with the rows of each file separately. All records of a
	/// replay count as one file.
	template <typename Visit>
	void for_parts(const std::vector<LoadRow> &rows, Visit &&visit) const
	{
		if (!by_file_)
			return visit(rows);
		std::map<uint32_t, std::vector<LoadRow>> files;
		for (const LoadRow &row : rows)
			files[file_of(row)].push_back(row);
		for (const auto &[file, its_rows] : files)
			visit(its_rows);
	}

	uint32_t file_of(const LoadRow &row) const
	{
		const StagedRecord &record = *batch_.records[row.record].record;
		return record.quarantine_id != 0 ? 0 : record.file;
	}

	/// If fewer rows than expected are in the table and there was no error, a trigger keeps them
	/// out, and they count as not loaded. Their number for each file is known only if the files are
	/// loaded separately.
	void note_kept_out(const std::vector<LoadRow> &rows, uint64_t done)
	{
		if (done >= rows.size())
			return;
		const uint32_t file = file_of(rows[0]);
		if (std::any_of(rows.begin(), rows.end(),
						[&](const LoadRow &row) { return file_of(row) != file; }))
			throw RowsKeptOut();
		kept_out_[file] += rows.size() - done;
	}

	void refuse(BatchRecord &r, const pg::PgError &error)
	{
		r.accepted = false;
		r.record->add(refusals_.violation(error));
	}

	const Definition &definition_;
	Batch &batch_;
	const CheckMemory *memory_;
	std::vector<std::vector<LoadRow>> rows_;
	std::vector<uint32_t> refused_;
	Refusals refusals_;
	bool by_file_ = false;                  ///< rows of each file are loaded separately
	std::map<uint32_t, uint64_t> kept_out_; ///< by file, in the current attempt
	/// Records whose row load_once() has replaced, numbered.
	std::unordered_map<uint32_t, uint32_t> replaced_;
	std::unordered_set<uint32_t> late_; ///< records whose row has come from a later partition
	bool replace_anew_ = false;         ///< child rows are deleted and inserted instead of updated
};

} // namespace

bool
has_rows(const TableDefinition &table)
{
	return find_table(table) &&
		   !pg::query_table("SELECT 1 FROM " + quoted(table) + " LIMIT 1").empty();
}

namespace
{

/// Thrown if a record would be loaded that refers to one that is not loaded.
struct PromiseBroken
{
};

/// Restores the records as they were before a load that was rolled back. Records that the table has
/// refused stay refused.
void
put_back(const std::vector<BatchRecord> &before, std::vector<BatchRecord> &records)
{
	for (size_t i = 0; i < records.size(); ++i)
	{
		const bool refused = before[i].accepted && !records[i].accepted;
		records[i] = before[i];
		if (refused)
			records[i].accepted = false;
	}
}

/// Loads records that refer to each other. If the table refuses one of them, or a trigger keeps it
/// out, those that refer to it must not be loaded either: everything is rolled back and loaded
/// again without them. Each attempt has at least one record less.
void
load_promised(const Definition &definition, Batch &batch, const CheckMemory *memory)
{
	MissingReferences missing(definition);
	while (!batch.promised.empty())
	{
		const std::vector<BatchRecord> before = batch.records;
		const std::map<uint32_t, uint64_t> kept_out = batch.kept_out;
		std::vector<size_t> broken;
		try
		{
			const auto error = pg::subtransaction(
				[&]
				{
					Loader(definition, batch, memory).run();
					await_refused(definition, batch);
					broken = broken_promises(definition, batch);
					if (!broken.empty())
						throw PromiseBroken();
				});
			if (error)
				throw *error;
			return;
		}
		catch (const PromiseBroken &)
		{
			put_back(before, batch.records);
			batch.kept_out = kept_out;
		}
		const std::vector<OwnReference> promised = batch.promised;
		for (const size_t i : broken)
		{
			BatchRecord &r = batch.records[promised[i].record];
			r.piece->references[promised[i].reference].missing = true;
			r.accepted = false;
		}
		take_back_promises(batch);
		for (const OwnReference &own : promised)
			if (const BatchRecord &r = batch.records[own.record];
				!r.accepted && r.record->violations == nullptr)
				missing.tell_first(r);
		find_superseded(definition, batch.records);
	}
	Loader(definition, batch, memory).run();
}

} // namespace

void
load(const Definition &definition, Batch &batch, const CheckMemory *memory)
{
	const pg::WithoutValues without_values;
	load_promised(definition, batch, memory);
	tell_of_refused_originals(definition, batch.records);
}

} // namespace etl
