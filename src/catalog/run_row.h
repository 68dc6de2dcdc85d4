// A run as the catalog knows it: its row in etl.run, and how long it was at what.
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

/// How long the main thread of a run was at what.
class StageTimes
{
  public:
	enum Stage
	{
		claim, ///< unfinished actions, listing of files, tables
		stage, ///< waiting for the threads that stage
		check,
		load,
		quarantine,
		erase,   ///< only a dataset of requests
		export_, ///< COPY TO, and at the end waiting until all is written and synced
		archive, ///< catalog rows and plan of what is done to files after the commit
		count
	};
	/// From now on, until the next call.
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
	std::string sqlstate; ///< of an error that kept the dataset from being run
	StageTimes times;
	/// Which definition it works by: Catalog::defined_at(); nothing where that is not known.
	std::optional<int64_t> defined_at;
	std::string indexed_as; ///< see catalog/indexed_as
};

/// Allocates a run's number and notes when it begins and which definition it works by.
RunResult begin_run(const Catalog &catalog, const std::string &dataset);
/// Inserts the row of etl.run.
void finish_run(RunResult &result);

/// What an error has left of a run: its counts are what they were before, error and SQLSTATE say
/// why.
void note_failure(RunResult &result, const RunResult &before, const pg::Error &error);

/// Runs step, which counts in result, in a subtransaction. False when it could not be done: then
/// nothing of it stays, and result says why. Cancellation and termination are thrown on.
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
