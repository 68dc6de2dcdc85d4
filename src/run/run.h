// A run's state: the files it has taken up and what became of their records.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/stager.h"
#include "pg/settings.h"
#include "run/catalog.h"

namespace etl
{

class PostponedIndexes;
class Reload;

struct RunFile
{
	int64_t file_id = 0;
	std::string path;     ///< relative to the raw folder
	std::string absolute; ///< in the raw folder
	RowContext context;
	FileIdentity identity;
	FileOutcome outcome;
	int64_t loaded = 0, quarantined = 0;
	std::string status;                        ///< as in etl.file
	std::string processed_path, archived_path; ///< relative; empty: none
	std::string processed_part;                ///< absolute: under what name it is written
	int64_t processed_number = -1;             ///< to ProcessedWriter; -1: not begun
	std::vector<uint64_t> subjects;            ///< keyed hashes of the people in it
	bool treated = false;                      ///< holds records of people who have been erased
	std::string treated_part;                  ///< the archive's copy without them, and its hash
	Sha256 treated_sha256{};
	int64_t started_at = 0, finished_at = 0;
};

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
};

struct RunOptions
{
	/// Wait for a session that is running the dataset, rather than skip.
	bool wait = false;
	/// Wait for one that only releases records of the dataset: it will not take up its files. Where
	/// the call holds no other dataset's lock.
	bool wait_for_release = false;
	/// Take up files until they come to that many bytes on disk (at least one); 0: all of them.
	uint64_t max_bytes = 0;
	/// Leave out files that failed in a run with a higher number, which a clock can't put back;
	/// below 0: none.
	int64_t after_run = -1;
	/// Build indexes when all is loaded, where that can be done.
	bool postpone_indexes = false;
	/// Leave building them to the caller; null: the run does it itself.
	std::vector<PostponedIndexes> *postponed = nullptr;
	/// Take files from the archive instead, and leave them there.
	Reload *reload = nullptr;
	/// Files that are refused, with the reason.
	std::map<std::string, std::string> refused;
};

/// What a call begins with: indexes may wait, but in a transaction block, where readers would wait
/// for as long as it is kept open.
RunOptions options_of_call();

/// The same, but a dataset that cannot be run gets a row of etl.run that says why, and *error
/// (which may be null) what was thrown.
RunResult try_run_dataset(const Catalog &catalog, const std::string &dataset,
						  const RunOptions &options, std::optional<pg::Error> *error = nullptr);

/// Runs every enabled dataset, in the order of Catalog::run_order(); those that cannot be run are
/// told of in a WARNING, and the others go on. Must be called inside an SPI
/// connection, as all of these.
std::vector<RunResult> run_all(const Catalog &catalog);

/// Throws for what keeps every dataset from being run: the isolation level, a directory that is not
/// set or not there, a journal that is not applied.
void require_runnable();

/// Runs a dataset's staged files. Throws when it cannot be run.
RunResult run_dataset(const Catalog &catalog, const std::string &dataset,
					  const RunOptions &options = {});

/// Replays a dataset's open quarantined records, and what waited for those that are loaded.
RunResult replay_dataset(const Catalog &catalog, const std::string &dataset);

/// Takes the lock that keeps two sessions from running one dataset. Returns the pid of the holder,
/// or 0 when the lock was taken (until the transaction ends), as it always is with wait.
int32_t lock_dataset(const std::string &dataset, bool wait = false);
/// Lets others know that the holder of a dataset's lock only releases its waiting records.
void mark_release(const std::string &dataset);
bool is_only_released(const std::string &dataset);

/// Throws where a transaction would not see what others commit while it waits for a dataset.
void require_read_committed();

/// Allocates a run's number and notes when it begins.
RunResult begin_run(const std::string &dataset);
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

/// Numbers from the sequence of an identity column, e.g. ("etl.file_file_id_seq", 10).
std::vector<int64_t> allocate_ids(const std::string &sequence, size_t count);

/// The key of the hashes in etl.subject_page.
SipKey subject_hash_key(const std::string &secret);

} // namespace etl
