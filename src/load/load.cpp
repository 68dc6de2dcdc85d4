#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
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
#include "pg/blame.h"
#include "pg/copy.h"
#include "pg/guard.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

bool
comes_before(const LoadRow &a, const LoadRow &b)
{
	return a.sort < b.sort;
}

/// Sorts by primary key, so that neighbours land on the same index pages; equal ones keep their
/// order. Rows are dealt out first, by the leading bits in which their keys differ (those of a
/// batch lie all over their range), and then each bucket is sorted, which fits the processor's
/// cache.
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

/// Thrown when rows of several files were loaded at a time and a trigger has kept some out.
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
					if (r.accepted) // superseded ones too: they may get their place back
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
		// a record that took another's place but was refused gives it back
		while (definition_.on_repeat == OnRepeat::update && !refused_.empty())
			if (const std::vector<uint32_t> records = give_back(); !records.empty())
				load(records, false);
	}

  private:
	/// Records with one key one after the other, so that the table sees each of them: it may refuse
	/// one that a later file supersedes, as it would have if that had come in another run. As many
	/// statements as a key comes in different files.
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

	/// What a row that another row needed says: a foreign key or a trigger.
	static bool may_heal(const std::string &sqlstate)
	{
		return sqlstate == sqlstate::foreign_key_violation || sqlstate.compare(0, 2, "P0") == 0;
	}

	/// A row may refer to another one of its batch, which has been loaded by now: as long as that
	/// helps some of those that were refused, they are tried once more.
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
				batch_.records[i].record->violations.reset(); // the only one
			}
			refused_ = rest;
			load(again, false);
			if (refused_.size() - rest.size() >= again.size())
				return;
		}
	}

	/// The latest superseded records with the keys of those that were refused just now.
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

	/// Loads the records, in halves where a table refuses the whole, until the one that it refuses
	/// is found.
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
			// a deadlock with another writer has been ended by this rollback
			if (error->sqlstate() == sqlstate::deadlock_detected && attempt < 3)
				continue;
			if (error->sqlstate() != sqlstate::unique_violation)
				break;
			if (somebody_was_faster(records))
			{
				all = false;
				continue;
			}
			// child rows that change places, where each must be unique
			if (replace_anew_ || !replaces_children(records))
				break;
			replace_anew_ = true;
		}
		replace_anew_ = false;
		// out of resources, broken storage, deadlock: not the data's fault; insufficient privilege,
		// missing table: every row would say the same
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

	/// Another session has inserted keys of ours since they were looked up: then they repeat, as
	/// they would have if it had been a moment earlier. False when that is not the reason.
	bool somebody_was_faster(std::vector<uint32_t> &records)
	{
		if (definition_.key_column() == nullptr)
			return false;
		// nobody else may write the table, and all of our own keys are known
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

	/// Rows of the first table whose keys are in it. Those that turn out not to be go to subset.
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

	/// Child rows of records whose row was replaced; those of a late file's are left out as well.
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

	/// Rows whose key has come from a later partition, where their table does not say from which.
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

	/// From where the rows come now, or that they say so themselves.
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

	/// Calls visit() with the rows, or with those of each file by themselves. All of what a replay
	/// loads is one file.
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

	/// Some of the rows did not get into the table, and no error says why: a trigger keeps them
	/// out. They are not loaded then; how many of which file is known where files are loaded apart.
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
	bool by_file_ = false;                  ///< each file's rows by themselves
	std::map<uint32_t, uint64_t> kept_out_; ///< by file, of the attempt in hand
	/// Records whose row was replaced by load_once(), numbered.
	std::unordered_map<uint32_t, uint32_t> replaced_;
	std::unordered_set<uint32_t> late_; ///< records whose row has come from a later partition
	bool replace_anew_ = false;         ///< child rows are deleted and inserted, not updated
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

/// Thrown when a record is loaded that refers to one which is not.
struct PromiseBroken
{
};

/// Puts the batch back to what it was before a load that was rolled back, but for records that the
/// table has refused: they stay refused.
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

/// Loads records that refer to each other. When the table refuses one, or keeps it out, those that
/// refer to it are not loaded either: all is taken back and loaded without them. Each time there is
/// at least one record less.
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
