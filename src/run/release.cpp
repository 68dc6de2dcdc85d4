#include "run/release.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "core/definition/definition.h"
#include "core/json/write.h"
#include "core/types/encode.h"
#include "core/types/type_error.h"
#include "load/own_references.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "pg/table_statement.h"
#include "run/replay.h"

namespace etl
{

namespace
{

/// Keys of dataset $1 that records of any dataset wait for. $2: ''.
constexpr char awaited_sql[] = R"(
SELECT DISTINCT r.key FROM etl.quarantine_reference r WHERE r.dataset = $1 AND $2 = '')";

/// Like awaited_sql, for keys that records of dataset $2 wait for.
constexpr char awaited_by_sql[] = R"(
SELECT DISTINCT r.key
  FROM etl.quarantine_reference r
  JOIN etl.quarantine q USING (quarantine_id)
 WHERE r.dataset = $1 AND q.dataset = $2 AND q.status IN ('open', 'erased'))";

/// The records that wait for the keys $2 of dataset $1: records of dataset $3 ('': of any dataset),
/// except those of datasets $4, and except records of datasets $5 that were corrected. (A corrected
/// request names the person to be erased, and is carried out only by a replay of a user who may
/// erase.)
constexpr char waiting_sql[] = R"(
SELECT q.dataset, q.quarantine_id
  FROM unnest($2::text[]) k(key)
  JOIN etl.quarantine_reference r ON r.dataset = $1 AND r.key = k.key
  JOIN etl.quarantine q USING (quarantine_id)
 WHERE q.status IN ('open', 'erased') AND q.record IS NOT NULL
   AND ($3 = '' OR q.dataset = $3) AND q.dataset <> ALL ($4::text[])
   AND (q.mended_at IS NULL OR q.dataset <> ALL ($5::text[])))";

/// Records of dataset $1 that wait only for keys of their own dataset, and these keys.
constexpr char own_waiting_sql[] = R"(
SELECT q.quarantine_id, coalesce(q.key, ''), r.key
  FROM etl.quarantine q
  JOIN etl.quarantine_reference r USING (quarantine_id)
 WHERE q.dataset = $1 AND q.status IN ('open', 'erased') AND q.code = 'reference'
   AND q.record IS NOT NULL
   AND NOT EXISTS (SELECT FROM etl.quarantine_reference o
                    WHERE o.quarantine_id = q.quarantine_id AND o.dataset <> $1)
 ORDER BY q.quarantine_id LIMIT $2)";

/// The keys, in the catalog's spelling, that are in the dataset's table.
std::vector<std::string_view>
present_keys(const Definition &parent, const std::vector<std::string> &keys)
{
	const ColumnDefinition &column = (*parent.key_column());
	std::vector<std::string> encoded;
	std::vector<size_t> which;
	std::string json;
	Document document;
	for (size_t i = 0; i < keys.size(); ++i)
	{
		json.clear();
		append_json_string(json, keys[i]);
		ParseError parse_error;
		TypeError type_error;
		std::string binary;
		// a key that was noted when the column had another type cannot be in the table
		if (!document.parse(json, parse_error) ||
			!encode(column.type, document.root(), binary, type_error))
			continue;
		encoded.push_back(std::move(binary));
		which.push_back(i);
	}
	const pg::Rows rows = pg::query_table(
		"SELECT b.i FROM unnest($1) WITH ORDINALITY b(key, i) WHERE EXISTS (SELECT FROM " +
			quoted(parent.tables[0]) + " t WHERE t." + pg::quote(column.name) + " = b.key)",
		{pg::param_array(type_oid(column.type),
						 std::vector<std::string_view>(encoded.begin(), encoded.end()))});
	std::vector<std::string_view> present;
	for (uint64_t i = 0; i < rows.size(); ++i)
		present.push_back(keys[which[static_cast<size_t>(rows.integer(i, 0) - 1)]]);
	return present;
}

/// One release: continues until no more records can be loaded.
class Release
{
  public:
	Release(const Catalog &catalog, const Definition &definition)
		: catalog_(catalog), dataset_(definition.dataset)
	{
	}

	void run(const Definition &definition)
	{
		release_own(definition);
		for (const ReferenceDefinition &reference : definition.references)
			if (const Definition *parent = catalog_.find(reference.dataset))
				release(*parent, definition.dataset);
		loaded_.push_back(definition.dataset);
		while (!loaded_.empty())
		{
			const std::string dataset = std::move(loaded_.front());
			loaded_.pop_front();
			if (const Definition *parent = catalog_.find(dataset))
			{
				release_own(*parent);
				release(*parent, "");
			}
		}
		for (auto &[name, result] : runs_)
			finish_run(result);
	}

  private:
	using Ready = std::map<std::string, std::vector<int64_t>>;

	/// Loads records that wait for other records of their dataset, which may wait themselves:
	/// chains of any length, and circles, are loaded at once.
	void release_own(const Definition &definition)
	{
		if (!refers_to_itself(definition) || !find_table(definition.tables[0]))
			return;
		for (bool more = true; more && passed_over_.count(definition.dataset) == 0;)
		{
			const pg::MemoryScope memory_scope;
			const std::vector<int64_t> ids = satisfied(definition);
			if (ids.empty())
				return;
			more = replay(definition.dataset, ids) > 0;
		}
	}

	/// The records that wait only for keys which are in the table, or for other records of this
	/// list.
	static std::vector<int64_t> satisfied(const Definition &definition)
	{
		struct Key
		{
			uint32_t owners = 0;
			std::vector<int64_t> waiting; ///< records that refer to the key
		};
		std::unordered_map<std::string, Key> keys;
		std::unordered_map<int64_t, std::string> records;
		{
			const pg::Rows rows =
				pg::query(own_waiting_sql, {pg::param(definition.dataset),
											pg::param(int64_t{limits::own_references})});
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				const int64_t id = rows.integer(i, 0);
				records.emplace(id, rows.text(i, 1));
				keys[rows.text(i, 2)].waiting.push_back(id);
			}
		}
		std::vector<std::string> awaited;
		for (const auto &[text, key] : keys)
			awaited.push_back(text);
		for (const std::string_view text : present_keys(definition, awaited))
			++keys[std::string(text)].owners;
		for (const auto &[id, own] : records)
			if (const auto key = keys.find(own); key != keys.end())
				++key->second.owners;
		std::vector<const Key *> missing;
		for (const auto &[text, key] : keys)
			if (key.owners == 0)
				missing.push_back(&key);
		while (!missing.empty())
		{
			const Key &key = *missing.back();
			missing.pop_back();
			for (const int64_t id : key.waiting)
			{
				const auto record = records.find(id);
				if (record == records.end())
					continue;
				const auto own = keys.find(record->second);
				records.erase(record);
				if (own != keys.end() && --own->second.owners == 0)
					missing.push_back(&own->second);
			}
		}
		std::vector<int64_t> ids;
		for (const auto &[id, own] : records)
			ids.push_back(id);
		std::sort(ids.begin(), ids.end());
		return ids;
	}

	/// Loads records that wait for keys in the parent's table: records of one dataset, or of all
	/// ("").
	void release(const Definition &parent, const std::string &child)
	{
		if (parent.key_column() == nullptr || !find_table(parent.tables[0]))
			return;
		for (bool more = true; more;)
		{
			const pg::MemoryScope memory_scope;
			int64_t before = records_;
			Ready ready;
			more = find_ready(parent, child, ready);
			for (auto &[name, ids] : ready)
				replay(name, ids);
			more = more && records_ > before;
		}
	}

	/// Returns false when `ready` has all such records.
	bool find_ready(const Definition &parent, const std::string &child, Ready &ready)
	{
		const pg::Param dataset = pg::param(parent.dataset), of = pg::param(child);
		std::vector<std::string_view> requests;
		for (const auto &[name, definition] : catalog_.all())
			if (definition.erases)
				requests.push_back(name);
		size_t found = 0;
		pg::Cursor cursor(child.empty() ? awaited_sql : awaited_by_sql, {dataset, of});
		for (;;)
		{
			pg::check_for_interrupts();
			const pg::MemoryScope memory_scope;
			std::vector<std::string> keys;
			{
				const pg::Rows rows = cursor.fetch(limits::released_keys);
				for (uint64_t i = 0; i < rows.size(); ++i)
					keys.push_back(rows.text(i, 0));
			}
			if (keys.empty() || found >= limits::released_records)
				break;
			const std::vector<std::string_view> present = present_keys(parent, keys);
			if (present.empty())
				continue;
			const std::vector<std::string_view> passed(passed_over_.begin(), passed_over_.end());
			const pg::Rows rows =
				pg::query(waiting_sql, {dataset, pg::param_array(present), of,
										pg::param_array(passed), pg::param_array(requests)});
			for (uint64_t i = 0; i < rows.size(); ++i)
				ready[rows.text(i, 0)].push_back(rows.integer(i, 1));
			found += rows.size();
		}
		for (auto &[name, ids] : ready)
		{
			// a record may have waited for several keys
			std::sort(ids.begin(), ids.end());
			ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
		}
		return found >= limits::released_records;
	}

	bool has_parents(const Definition &definition) const
	{
		return std::none_of(definition.references.begin(), definition.references.end(),
							[this](const ReferenceDefinition &reference)
							{ return catalog_.invalid().count(reference.dataset) > 0; });
	}

	/// Returns the number of records that were loaded.
	int64_t replay(const std::string &name, const std::vector<int64_t> &ids)
	{
		const Definition *definition = catalog_.find(name);
		// another session is running the dataset, or a dataset that it refers to has no valid
		// definition: the next run of either dataset finds the records
		if (definition == nullptr || !has_parents(*definition) || lock_dataset(name) != 0)
		{
			passed_over_.insert(name);
			return 0;
		}
		if (name != dataset_)
			mark_release(name);
		ETL_FAULT("release");
		const auto entry = runs_.find(name);
		RunResult &result = entry != runs_.end()
								? entry->second
								: runs_.emplace(name, begin_run(catalog_, name)).first->second;
		const int64_t loaded = result.loaded;
		if (attempt_run(result, [&] { replay_records(catalog_, *definition, result, &ids); }))
		{
			records_ += static_cast<int64_t>(ids.size());
			if (result.loaded > loaded)
				loaded_.push_back(name);
			return result.loaded - loaded;
		}
		passed_over_.insert(name);
		pg::notice(WARNING, "records of dataset \"" + name + "\" that waited could not be loaded",
				   result.error,
				   "They stay in quarantine, and the next run of the dataset tries them again.");
		return 0;
	}

	const Catalog &catalog_;
	const std::string &dataset_; ///< the dataset that was run
	std::map<std::string, RunResult> runs_;
	std::set<std::string> passed_over_; ///< datasets that cannot be run now
	std::deque<std::string> loaded_;    ///< datasets of which something was loaded
	int64_t records_ = 0;
};

constexpr char any_reference_sql[] = R"(SELECT FROM etl.quarantine_reference LIMIT 1)";

} // namespace

void
release_waiting(const Catalog &catalog, const Definition &definition)
{
	if (pg::query(any_reference_sql).empty())
		return;
	Release(catalog, definition).run(definition);
}

} // namespace etl
