// The SQL functions that load files again from the archive: etl_reload and
// etl_internal.archive_check.
#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "erase/catalog_archive.h"
#include "load/reload.h"
#include "load/run_options.h"
#include "pg/arguments.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "publish/archive_mark.h"
#include "run/run.h"
#include "run/run_all.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

/// Loads one dataset's files again. The caller has the dataset's lock.
RunResult
reload_dataset(const Catalog &catalog, const Definition &definition, const pg::Settings &settings,
			   int64_t since)
{
	Reload reload(definition, settings, since);
	reload.forget_left_out();
	RunOptions options = options_of_call();
	options.reload = &reload;
	RunResult result;
	if (definition.erases)
	{
		result = begin_run(catalog, definition.dataset);
		if (reload.files() > 0)
			reload.only_note(result);
		finish_run(result);
	}
	else
	{
		result = run_dataset(catalog, definition.dataset, options);
		reload.remove_stale_processed();
	}
	note_left_out(catalog, definition, settings);
	advance_archive_mark(definition.dataset, settings);
	append_audit({{0, "reload files", definition.dataset, {}, result.files}});
	return result;
}

} // namespace

} // namespace etl

using namespace etl;

constexpr char read_run_sql[] = R"(SELECT * FROM etl.run WHERE run_id = $1)";

/// etl_reload(since timestamptz, dataset text)
PG_ETL_ENTRY(etl_reload)
{
	const ExclusiveCall exclusive_call(fcinfo);
	if (PG_ARGISNULL(0))
		throw pg::Error(
			sqlstate::null_value_not_allowed, "since must not be null", "",
			"SELECT * FROM etl_reload(since => '-infinity'); loads all files again that "
			"the database does not know.");
	const int64_t since = PG_GETARG_TIMESTAMPTZ(0);
	const std::string only = PG_ARGISNULL(1) ? std::string() : pg::text_argument(fcinfo, 1);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	if (!PG_ARGISNULL(1))
		(void)catalog.get(only);
	require_read_committed();
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	require_journal_applied();
	bool any = false, was_behind = false;
	for (const std::string &dataset : catalog.order())
	{
		if (!only.empty() && dataset != only)
			continue;
		lock_dataset(dataset, true);
		// a dataset given as argument is examined in any case
		const bool is_behind = archive_state(dataset, settings).is_behind();
		was_behind = was_behind || is_behind;
		if (only.empty() && !is_behind && (TIMESTAMP_IS_NOEND(since) || !has_left_out(dataset)))
			continue;
		any = true;
		const RunResult run = reload_dataset(catalog, catalog.get(dataset), settings, since);
		const pg::Rows rows = pg::query(read_run_sql, {pg::param(run.run_id)});
		result.add_tuple(rows.tuple(0));
	}
	if (was_behind)
		pg::notice(NOTICE, "files that etl_export has written since the backup are not known here",
				   "Erasures do not reach them.",
				   "Export them again under their names, or remove them.");
	std::vector<std::string> lost;
	if (only.empty())
		lost = lost_datasets(catalog, settings);
	for (const std::string &dataset : lost)
		pg::notice(WARNING,
				   "archived files of dataset \"" + dataset +
					   "\" are not loaded, for it is not defined",
				   "The database was restored from before it was.", lost_dataset_hint);
	if (!any && lost.empty())
		pg::notice(NOTICE, "the database knows all files that were loaded into it");
	return static_cast<Datum>(0);
}

/// The row of etl.health about the archive.
PG_ETL_ENTRY(etl_archive_check)
{
	pg::ResultSet result(fcinfo);
	const auto add = [&](const char *status, const std::string &detail, const std::string &hint)
	{
		result.add({pg::Cell::text("archive"), pg::Cell::text(status), pg::Cell::text(detail),
					pg::Cell::text_or_null(hint)});
		return static_cast<Datum>(0);
	};
	try
	{
		const pg::Spi spi;
		const pg::Settings settings = pg::Settings::current();
		if (settings.archive_dir.empty())
			return add("ok", "etl.archive_dir is not set", "");
		std::string behind;
		const Catalog catalog = Catalog::load();
		for (const auto &[dataset, definition] : catalog.all())
			if (archive_state(dataset, settings).is_behind())
				behind += (behind.empty() ? "" : ", ") + dataset;
		if (!behind.empty())
			return add("error",
					   "the database does not know files that were loaded, of datasets " + behind,
					   "SELECT * FROM etl_reload(since => '-infinity');");
		std::string lost;
		for (const std::string &dataset : lost_datasets(catalog, settings))
			lost += (lost.empty() ? "" : ", ") + dataset;
		if (!lost.empty())
			return add("error",
					   "the database does not know files that were loaded, nor the definitions of "
					   "their datasets " +
						   lost,
					   lost_dataset_hint);
		return add("ok", "the database knows all files that were loaded into it", "");
	}
	catch (const pg::PgError &)
	{
		throw;
	}
	catch (const pg::Error &error)
	{
		return add("error", error.what() + (error.detail().empty() ? "" : ": " + error.detail()),
				   error.hint());
	}
}
