// The row of a run in etl.run, and the times of its stages.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "catalog/definitions.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

/// The time that the main thread of a run spent in each stage.
class StageTimes
{
  public:
	enum Stage
	{
		claim, ///< unfinished actions, list of files, tables
		stage, ///< waiting for the staging threads
		check,
		load,
		quarantine,
		erase,   ///< only for a dataset of requests for erasure
		export_, ///< COPY TO, and finally waiting until all files are written and synced
		archive, ///< rows of the catalog, and the plan for the files after the commit
		count
	};
	/// Ends the current stage and begins `stage`.
	void begin(Stage stage);
	void end() { begin(count); }
	/// {"claim": milliseconds, …}
	std::string json() const;
	bool any() const { return any_; }

  private:
	std::array<double, count> milliseconds_{};
	Stage now_ = count;
	std::chrono::steady_clock::time_point since_;
	bool any_ = false;
};

/// A row of etl.run.
struct RunResult
{
	int64_t run_id = 0;
	std::string dataset, status;
	int64_t started_at = 0, finished_at = 0;
	int32_t files = 0;
	int64_t records = 0, loaded = 0, quarantined = 0, bytes = 0;
	std::string error;
	std::string sqlstate; ///< SQLSTATE of an error that prevented the run
	StageTimes times;
	/// The definition that the run uses, as Catalog::defined_at(). Nothing if this is not known.
	std::optional<int64_t> defined_at;
	std::string indexed_as; ///< see catalog/indexed_as
};

/// Allocates the run_id, and records the start time and the definition.
RunResult begin_run(const Catalog &catalog, const std::string &dataset);
/// Inserts the row of etl.run.
void finish_run(RunResult &result);

/// Records a failed run: the counts are restored from `before`, and the error and SQLSTATE give the
/// reason.
void note_failure(RunResult &result, const RunResult &before, const pg::Error &error);

/// Runs `step`, which changes `result`, in a subtransaction. If it fails, it is rolled back,
/// `result` contains the error, and the function returns false. Cancellation and termination are
/// thrown again.
template <typename Step>
bool
attempt_run(RunResult &result, Step &&step, std::optional<pg::Error> *thrown = nullptr)
{
	const RunResult before = result;
	std::optional<pg::Error> error;
	try
	{
		error = pg::subtransaction(step);
	}
	catch (const pg::PgError &)
	{
		throw;
	}
	catch (const pg::Error &e)
	{
		error = e;
	}
	if (!error)
		return true;
	note_failure(result, before, *error);
	if (thrown != nullptr)
		*thrown = error;
	return false;
}

} // namespace etl
