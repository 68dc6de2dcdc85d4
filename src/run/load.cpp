#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "core/prefault.h"
#include "pg/copy.h"
#include "pg/table_statement.h"
#include "run/batch.h"
#include "run/refusal.h"

namespace etl
{

namespace
{

struct LoadRow
{
	uint64_t sort;
	const char *bytes;
	uint32_t size;
	uint32_t record; ///< index into the batch's records
};

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

/// Rows of one table, in the order in which they are loaded.
class LoadRows : public pg::RowSource
{
  public:
	explicit LoadRows(const std::vector<LoadRow> &rows) : rows_(rows) {}
	bool next(std::string_view &row) noexcept override
	{
		if (at_ == rows_.size())
			return false;
		// rows lie scattered over the batch: ask for the ones to come
		if (at_ + ahead < rows_.size())
			for (uint32_t byte = 0; byte < rows_[at_ + ahead].size; byte += 64)
				__builtin_prefetch(rows_[at_ + ahead].bytes + byte);
		row = {rows_[at_].bytes, rows_[at_].size};
		++at_;
		return true;
	}

  private:
	static constexpr size_t ahead = 8;
	const std::vector<LoadRow> &rows_;
	size_t at_ = 0;
};

std::vector<std::string>
column_names(const TableDefinition &table)
{
	std::vector<std::string> names;
	for (const ColumnDefinition &column : table.columns)
		names.push_back(column.name);
	return names;
}

const ColumnDefinition *
column_from(const TableDefinition &table, Source source)
{
	for (const ColumnDefinition &column : table.columns)
		if (column.source == source)
			return &column;
	return nullptr;
}

/// The rows, as statements read them: FROM etl_staged.
pg::NamedRows
staged_rows(const TableDefinition &table, const std::vector<LoadRow> &rows)
{
	LoadRows source(rows);
	return pg::NamedRows(find_table(table), column_names(table), source);
}

/// The column of etl_staged s that has the values of the table's column.
std::string
staged_column(const TableDefinition &table, const ColumnDefinition &column)
{
	return "s.c" + std::to_string(&column - table.columns.data() + 1);
}

/// "t.id = s.c1", of the key.
std::string
same_key(const Definition &definition)
{
	const TableDefinition &table = definition.tables[0];
	const ColumnDefinition &key = table.columns[static_cast<size_t>(definition.key_column)];
	return "t." + pg::quote(key.name) + " = " + staged_column(table, key);
}

/// "The row t came from a later partition than s"; "" where the table does not tell.
std::string
newer_condition(const TableDefinition &table)
{
	const ColumnDefinition *date = column_from(table, Source::record_date);
	const ColumnDefinition *hour = column_from(table, Source::record_hour);
	if (date == nullptr)
		return {};
	std::string ours = "t." + pg::quote(date->name), theirs = staged_column(table, *date);
	if (hour != nullptr)
	{
		ours += ", t." + pg::quote(hour->name);
		theirs += ", " + staged_column(table, *hour);
	}
	return "(" + ours + ") > (" + theirs + ")";
}

/// Rows whose key is in the table replace the row, unless it came from a later partition: a late
/// file does not undo what a newer one said.
uint64_t
update_rows(const Definition &definition, const std::vector<LoadRow> &rows)
{
	const TableDefinition &table = definition.tables[0];
	std::string assignments;
	for (const ColumnDefinition &column : table.columns)
		if (&column - table.columns.data() != definition.key_column)
			assignments += (assignments.empty() ? "" : ", ") + pg::quote(column.name) + " = " +
						   staged_column(table, column);
	if (assignments.empty())
		return rows.size();
	const std::string newer = newer_condition(table);
	const pg::NamedRows staged = staged_rows(table, rows);
	return pg::execute_table("UPDATE " + quoted(table) + " t SET " + assignments +
								 " FROM etl_staged s WHERE " + same_key(definition) +
								 (newer.empty() ? "" : " AND (" + newer + ") IS NOT TRUE"),
							 {}, &staged);
}

/// A row that an update has not touched.
struct UntouchedRow
{
	int64_t position;
	bool deleted; ///< its key is not in the table: somebody has deleted it since it was looked up
};

/// The rows whose keys are not in the table, or whose places newer ones have.
std::vector<UntouchedRow>
untouched_rows(const Definition &definition, const std::vector<LoadRow> &rows)
{
	const TableDefinition &table = definition.tables[0];
	const std::string newer = newer_condition(table);
	const pg::NamedRows staged = staged_rows(table, rows);
	const pg::Rows found = pg::query_table(
		"SELECT s.n, t.found IS NULL FROM etl_staged s LEFT JOIN LATERAL (SELECT true AS found" +
			(newer.empty() ? std::string() : ", " + newer + " AS newer") + " FROM " +
			quoted(table) + " t WHERE " + same_key(definition) + " LIMIT 1) t ON true WHERE " +
			(newer.empty() ? "" : "t.newer OR ") + "t.found IS NULL",
		{}, &staged);
	std::vector<UntouchedRow> untouched;
	for (uint64_t i = 0; i < found.size(); ++i)
		untouched.push_back({found.integer(i, 0) - 1, found.boolean(i, 1)});
	return untouched;
}

/// The rows of child tables that belong to parents which are about to be replaced.
void
delete_children(const Definition &definition, const TableDefinition &child,
				const std::vector<LoadRow> &parents)
{
	const ColumnDefinition &key =
		definition.tables[0].columns[static_cast<size_t>(definition.key_column)];
	std::string column;
	for (const ColumnDefinition &c : child.columns)
		if (c.source == Source::field && c.path == key.path)
			column = pg::quote(c.name);
	if (column.empty())
		return;
	const pg::NamedRows staged = staged_rows(definition.tables[0], parents);
	pg::execute_table("DELETE FROM " + quoted(child) + " t USING etl_staged s WHERE t." + column +
						  " = " + staged_column(definition.tables[0], key),
					  {}, &staged);
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
		for (uint32_t i = 0; i < batch_.records.size(); ++i)
			if (batch_.records[i].accepted && !batch_.records[i].superseded)
				all.push_back(i);
		if (!all.empty())
			load(all, true);
		// a record that took another's place but was refused gives it back
		while (definition_.on_repeat == OnRepeat::update && !refused_.empty())
			if (const std::vector<uint32_t> records = give_back(); !records.empty())
				load(records, false);
	}

  private:
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
				for (const auto &[file, count] : kept_out_)
					batch_.kept_out[file] += count;
				return;
			}
			// a deadlock with another writer has been ended by this rollback
			if (error->sqlstate() == "40P01" && attempt < 3)
				continue;
			if (error->sqlstate() != "23505" || !somebody_was_faster(records))
				break;
			all = false;
		}
		// out of resources, broken storage, deadlock: not the data's fault
		static const char *const data_classes[] = {"22", "23", "44", "P0", "42",
												   "09", "27", "38", "0A", "54"};
		if (std::none_of(std::begin(data_classes), std::end(data_classes),
						 [&](const char *c) { return error->sqlstate().compare(0, 2, c) == 0; }))
			throw *error;
		// insufficient privilege, missing table: every row would say the same
		if (error->sqlstate().compare(0, 2, "42") == 0 || error->sqlstate() == "0A000")
			throw *error;
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
		if (definition_.key_column < 0)
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
				r.record->add(duplicate_violation(definition_, "is loaded already"));
			}
		}
		std::erase_if(records, [&](uint32_t i) { return !batch_.records[i].accepted; });
		return !found.empty();
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
		for (size_t t = 0; t < rows_.size(); ++t)
		{
			const TableDefinition &table = definition_.tables[t];
			std::vector<LoadRow> subset, existing;
			const std::vector<LoadRow> *fresh = &rows_[t];
			if (!all || update)
			{
				for (const LoadRow &row : rows_[t])
					if (all ? !batch_.records[row.record].superseded : wanted[row.record])
					{
						const bool exists = t == 0 && batch_.records[row.record].exists;
						(exists ? existing : subset).push_back(row);
					}
				fresh = &subset;
			}
			if (!existing.empty())
			{
				for (const TableDefinition &child : definition_.tables)
					if (child.is_child)
						delete_children(definition_, child, existing);
				for_parts(existing,
						  [&](const std::vector<LoadRow> &rows) { update_existing(rows, subset); });
			}
			if (fresh->empty())
				continue;
			if (t > 0)
				copy(table, *fresh);
			else
				for_parts(*fresh, [&](const std::vector<LoadRow> &rows)
						  { note_kept_out(rows, copy(table, rows)); });
		}
	}

	static uint64_t copy(const TableDefinition &table, const std::vector<LoadRow> &rows)
	{
		LoadRows source(rows);
		return pg::copy_into_target(find_table(table), column_names(table), source);
	}

	/// Updates rows whose keys are in the table; adds those whose keys no longer are to `gone`.
	void update_existing(const std::vector<LoadRow> &rows, std::vector<LoadRow> &gone)
	{
		uint64_t done = update_rows(definition_, rows);
		if (done == rows.size())
			return;
		for (const UntouchedRow &untouched : untouched_rows(definition_, rows))
		{
			++done;
			if (!untouched.deleted)
				continue;
			gone.push_back(rows[static_cast<size_t>(untouched.position)]);
			batch_.records[gone.back().record].exists = false;
		}
		note_kept_out(rows, done);
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
};

} // namespace

void
load(const Definition &definition, Batch &batch, const CheckMemory *memory)
{
	const pg::WithoutValues without_values;
	Loader(definition, batch, memory).run();
}

} // namespace etl
