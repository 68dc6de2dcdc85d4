// What must hold before a dataset is run, the dataset's lock, and the row of etl.run.
//
// Next door: staged_files.cpp takes up the files and loads them batch by batch, release.cpp loads
// records that waited for what was loaded, replay.cpp runs quarantined records, and run_all.cpp
// runs every dataset.
#include "run/run.h"

#include "audit/journal.h"
#include "catalog/dataset_lock.h"
#include "catalog/pause.h"
#include "core/base/sqlstate.h"
#include "load/postponed_indexes.h"
#include "pg/fault.h"
#include "pg/immediate_constraints.h"
#include "publish/archive_mark.h"
#include "run/release.h"
#include "run/staged_files.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

void
require_read_committed()
{
	if (pg::call([] { return bool(IsolationUsesXactSnapshot()); }))
		throw pg::Error(sqlstate::active_sql_transaction,
						"cannot run a dataset in this transaction's isolation level",
						"What other sessions have loaded since the transaction began would not be "
						"seen, and be loaded again.",
						"BEGIN ISOLATION LEVEL READ COMMITTED;");
}

void
require_runnable()
{
	require_read_committed();
	pg::Settings::current().require_folders();
	require_journal_applied();
}

namespace
{

/// Runs the dataset without writing its row in etl.run.
void
run_locked(const Catalog &catalog, const std::string &dataset, const RunOptions &options,
		   RunResult &result)
{
	const Definition &definition = catalog.get(dataset);
	catalog.require_parents(definition);
	if (std::optional<std::string> pause = pause_of(dataset))
	{
		result.status = "skipped";
		result.error = std::move(*pause);
		return;
	}
	int32_t pid = lock_dataset(dataset, options.wait);
	if (pid != 0 && options.wait_for_release && is_only_released(dataset))
		pid = lock_dataset(dataset, true);
	if (pid != 0)
	{
		result.status = "skipped";
		result.error = "another session is running this dataset: process " + std::to_string(pid);
		return;
	}
	if (options.reload == nullptr)
		require_files_known(dataset, pg::Settings::current());
	pg::ImmediateConstraints immediate;
	run_staged_files(catalog, definition, options, result);
	release_waiting(catalog, definition);
	immediate.end();
}

} // namespace

RunResult
run_dataset(const Catalog &catalog, const std::string &dataset, const RunOptions &options)
{
	(void)catalog.get(dataset); // throws for an unknown dataset before anything else is checked
	require_runnable();
	ETL_FAULT("begin_run");
	RunResult result = begin_run(catalog, dataset);
	run_locked(catalog, dataset, options, result);
	finish_run(result);
	ETL_FAULT("run_recorded");
	return result;
}

RunResult
try_run_dataset(const Catalog &catalog, const std::string &dataset, const RunOptions &options,
				std::optional<pg::Error> *error)
{
	catalog.require_known(dataset);
	RunResult result = begin_run(catalog, dataset);
	const size_t postponed = options.postponed != nullptr ? options.postponed->size() : 0;
	const auto run = [&]
	{
		require_runnable();
		ETL_FAULT("begin_run");
		run_locked(catalog, dataset, options, result);
	};
	// the indexes that this run had left to its caller are in use again
	if (!attempt_run(result, run, error) && options.postponed != nullptr)
		options.postponed->resize(postponed);
	finish_run(result);
	ETL_FAULT("run_recorded");
	return result;
}

} // namespace etl
