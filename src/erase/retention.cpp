// Removes files whose retention time is over: etl_internal.remove_expired_files, which
// etl_retention calls.
#include <algorithm>
#include <cerrno>
#include <set>

#include <sys/stat.h>

#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/indexed_as.h"
#include "catalog/subject_index.h"
#include "core/base/hash.h"
#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/read_records.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "publish/plan.h"
#include "publish/recover.h"

namespace etl
{

namespace
{

/// The hashes of people whose data is on hold; all: the whole dataset is.
struct Held
{
	bool all = false;
	std::vector<int64_t> hashes;
};

constexpr char read_held_hashes_sql[] = R"(
SELECT subject IS NULL, coalesce(file_hash, 0)
  FROM etl.hold
 WHERE dataset = $1 AND released_at IS NULL)";

Held
held_hashes(const std::string &people)
{
	Held held;
	const pg::Rows rows = pg::query(read_held_hashes_sql, {pg::param(people)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		if (rows.boolean(i, 0))
			held.all = true;
		else
			held.hashes.push_back(rows.integer(i, 1));
	return held;
}

struct Removed
{
	int64_t files = 0, bytes = 0, held = 0;
};

/// The files of the dataset, in order, that may be about people on hold.
std::vector<int64_t>
files_held(const std::string &dataset, const Held &held)
{
	std::vector<int64_t> files = files_of_subjects(dataset, held.hashes);
	if (!held.hashes.empty())
	{
		// these files may be about any person until the next erasure has updated the index
		const Catalog catalog = Catalog::load();
		if (const Definition *definition = catalog.find(dataset))
			for (const int64_t id : unindexed_files(catalog, *definition))
				files.push_back(id);
		std::sort(files.begin(), files.end());
	}
	return files;
}

/// Notes in the action what the file is now. Returns false where an administrator has moved it
/// away.
bool
find_content(FileAction &action)
{
	try
	{
		if (!identify(action.from, action.identity))
		{
			if (means_gone(errno))
				return false;
			throw system_error("could not open file", errno);
		}
		action.sha256 = pg::read_stored(action.from).sha256;
		return true;
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(),
						std::string("could not read a file whose retention is over: ") + e.what());
	}
}

/// Plans the removal of the dataset's archived or processed files that were loaded before a time.
Removed
remove_files(const std::string &dataset, const std::string &people, bool archived, pg::Param before)
{
	const pg::Settings settings = pg::Settings::current();
	const std::string &root = archived ? settings.archive_dir : settings.processed_dir;
	const std::string column = archived ? "archived_path" : "processed_path";
	const Held held = held_hashes(people);
	const std::vector<int64_t> held_files = files_held(dataset, held);
	Removed removed;
	const pg::Rows rows = pg::query(
		"SELECT file_id, " + column +
			" FROM etl.file f WHERE dataset = $1"
			" AND " +
			column +
			" IS NOT NULL AND finished_at < $2 AND NOT EXISTS"
			// an action that this call has planned for the file's other copy does not count
			" (SELECT FROM etl.file_action a WHERE a.file_id = f.file_id AND a.action_id < $3)"
			" ORDER BY file_id",
		{pg::param(dataset), before, pg::param(first_planned_action(dataset))});
	std::vector<FileAction> actions;
	std::vector<int64_t> ids;
	std::set<std::string> planned; // replays and later deliveries may share a processed file
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		if (held.all ||
			std::binary_search(held_files.begin(), held_files.end(), rows.integer(i, 0)))
		{
			++removed.held;
			continue;
		}
		ids.push_back(rows.integer(i, 0));
		FileAction action;
		action.kind = FileAction::Kind::remove;
		action.file_id = rows.integer(i, 0);
		action.from = root + "/" + rows.text(i, 1);
		if (!planned.insert(action.from).second || !find_content(action))
			continue;
		++removed.files;
		removed.bytes += static_cast<int64_t>(action.identity.size);
		actions.push_back(std::move(action));
	}
	plan_actions(dataset, std::move(actions));
	if (!ids.empty())
	{
		const AsCatalogOwner owner;
		pg::execute("UPDATE etl.file SET " + column + " = NULL WHERE file_id = ANY ($1)",
					{pg::param_array(ids)});
	}
	return removed;
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_remove_expired_files)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::text_argument(fcinfo, 0);
	const std::string people = pg::text_argument(fcinfo, 1);
	const std::string kind = pg::text_argument(fcinfo, 2);
	if (kind != "archived" && kind != "processed")
		throw pg::Error(sqlstate::invalid_parameter_value, "kind must be archived or processed");
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	// runs of the dataset wait, and what earlier transactions planned for its files is done first
	(void)lock_dataset(dataset, true);
	recover(dataset, settings);
	const Removed removed =
		remove_files(dataset, people, kind == "archived", {TIMESTAMPTZOID, PG_GETARG_DATUM(3)});
	result.add({pg::Cell::bigint(removed.files), pg::Cell::bigint(removed.bytes),
				pg::Cell::bigint(removed.held)});
	return static_cast<Datum>(0);
}
