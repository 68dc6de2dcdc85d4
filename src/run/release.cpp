#include "run/release.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "pg/table_statement.h"
#include "run/fault.h"
#include "run/replay.h"

namespace etl
{

namespace
{

/// Records that are found at a time, and keys that are looked up at a time; the tests that crash
/// have few.
#ifdef ETL_FAULTS
constexpr size_t most_ready = 4, keys_at_once = 3;
#else
constexpr size_t most_ready = 500'000, keys_at_once = 10'000;
#endif

/// Keys of dataset $1 that records of any dataset wait for. $2: ''.
const char *const awaited_sql = R"(
SELECT DISTINCT r.key FROM etl.quarantine_reference r WHERE r.dataset = $1 AND $2 = '')";

/// Those that records of dataset $2 wait for.
const char *const awaited_by_sql = R"(
SELECT DISTINCT r.key
  FROM etl.quarantine_reference r
  JOIN etl.quarantine q USING (quarantine_id)
 WHERE r.dataset = $1 AND q.dataset = $2 AND q.status IN ('open', 'erased'))";

/// Who waits for the keys $2 of dataset $1: records of dataset $3 ('': of any) but those of $4.
const char *const waiting_sql = R"(
SELECT q.dataset, q.quarantine_id
  FROM unnest($2::text[]) k(key)
  JOIN etl.quarantine_reference r ON r.dataset = $1 AND r.key = k.key
  JOIN etl.quarantine q USING (quarantine_id)
 WHERE q.status IN ('open', 'erased') AND q.record IS NOT NULL
   AND ($3 = '' OR q.dataset = $3) AND q.dataset <> ALL ($4::text[]))";

/// Which of the keys, as the catalog has them, are in the dataset's table.
std::vector<std::string_view>
present_keys(const Definition &parent, const std::vector<std::string> &keys)
{
	const ColumnDefinition &column =
		parent.tables[0].columns[static_cast<size_t>(parent.key_column)];
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
		// a key that was noted when the column had another type is in no table
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

/// One release: goes on until nothing more moves.
class Release
{
  public:
	Release(const Catalog &catalog, const Definition &definition)
		: catalog_(catalog), dataset_(definition.dataset)
	{
	}

	void run(const Definition &definition)
	{
		for (const ReferenceDefinition &reference : definition.references)
			if (const Definition *parent = catalog_.find(reference.dataset))
				release(*parent, definition.dataset);
		loaded_.push_back(definition.dataset);
		while (!loaded_.empty())
		{
			const std::string dataset = std::move(loaded_.front());
			loaded_.pop_front();
			if (const Definition *parent = catalog_.find(dataset))
				release(*parent, "");
		}
		for (auto &[name, result] : runs_)
			finish_run(result);
	}

  private:
	using Ready = std::map<std::string, std::vector<int64_t>>;

	/// Loads what waits for keys that the parent's table has: records of one dataset, or of all.
	void release(const Definition &parent, const std::string &child)
	{
		if (parent.key_column < 0 || !find_table(parent.tables[0]))
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

	/// False: these are all.
	bool find_ready(const Definition &parent, const std::string &child, Ready &ready)
	{
		const pg::Param dataset = pg::param(parent.dataset), of = pg::param(child);
		size_t found = 0;
		pg::Cursor cursor(child.empty() ? awaited_sql : awaited_by_sql, {dataset, of});
		for (;;)
		{
			pg::check_for_interrupts();
			const pg::MemoryScope memory_scope;
			std::vector<std::string> keys;
			{
				const pg::Rows rows = cursor.fetch(keys_at_once);
				for (uint64_t i = 0; i < rows.size(); ++i)
					keys.push_back(rows.text(i, 0));
			}
			if (keys.empty() || found >= most_ready)
				break;
			const std::vector<std::string_view> present = present_keys(parent, keys);
			if (present.empty())
				continue;
			const std::vector<std::string_view> passed(passed_over_.begin(), passed_over_.end());
			const pg::Rows rows = pg::query(
				waiting_sql, {dataset, pg::param_array(present), of, pg::param_array(passed)});
			for (uint64_t i = 0; i < rows.size(); ++i)
				ready[rows.text(i, 0)].push_back(rows.integer(i, 1));
			found += rows.size();
		}
		for (auto &[name, ids] : ready)
		{
			// one that waited for several keys
			std::sort(ids.begin(), ids.end());
			ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
		}
		return found >= most_ready;
	}

	void replay(const std::string &name, const std::vector<int64_t> &ids)
	{
		const Definition *definition = catalog_.find(name);
		// another session is running it: the next run of either dataset finds them
		if (definition == nullptr || lock_dataset(name) != 0)
		{
			passed_over_.insert(name);
			return;
		}
		if (name != dataset_)
			mark_release(name);
		ETL_FAULT("release");
		const auto entry = runs_.find(name);
		RunResult &result = entry != runs_.end()
								? entry->second
								: runs_.emplace(name, begin_run(name)).first->second;
		const int64_t loaded = result.loaded;
		if (attempt_run(result, [&] { replay_records(catalog_, *definition, result, &ids); }))
		{
			records_ += static_cast<int64_t>(ids.size());
			if (result.loaded > loaded)
				loaded_.push_back(name);
			return;
		}
		passed_over_.insert(name);
		pg::notice(WARNING, "records of dataset \"" + name + "\" that waited could not be loaded",
				   result.error,
				   "They stay in quarantine, and the next run of the dataset tries them again.");
	}

	const Catalog &catalog_;
	const std::string &dataset_; ///< that was run
	std::map<std::string, RunResult> runs_;
	std::set<std::string> passed_over_; ///< datasets that can't be run just now
	std::deque<std::string> loaded_;    ///< datasets of which something was loaded
	int64_t records_ = 0;
};

} // namespace

void
release_waiting(const Catalog &catalog, const Definition &definition)
{
	if (pg::query("SELECT FROM etl.quarantine_reference LIMIT 1").empty())
		return;
	Release(catalog, definition).run(definition);
}

} // namespace etl
