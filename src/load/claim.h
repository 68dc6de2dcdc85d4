// Selects the staged files that a run takes up.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/scoped_fd.h"
#include "core/definition/definition.h"
#include "core/files/file_identity.h"
#include "core/records/partition.h"
#include "load/run_file.h"
#include "load/run_options.h"
#include "load/waiting_files.h"
#include "pg/settings.h"
#include "publish/backlog.h"

namespace etl
{

/// Microseconds from 1970-01-01, the epoch of file systems, to 2000-01-01, the epoch of PostgreSQL.
constexpr int64_t unix_to_pg_epoch = INT64_C(946684800000000);

/// A regular file below the raw directory.
struct StagedFile
{
	std::string path; ///< relative; for an archived file the path under which it was delivered
	/// relative to the archive; empty if the file is in the raw directory
	std::string archived_path = {};
	FileIdentity identity;
	std::optional<Partition> partition;
	std::string name() const { return path.substr(path.rfind('/') + 1); }
};

/// A directory that cannot be read, so that its contents are unknown.
struct UnreadableDirectory
{
	std::string path; ///< relative to the directory that was walked, with a slash at its end
	std::string error, sqlstate;
};

/// A symbolic link, FIFO, socket or device in a partition's directory.
struct IrregularFile
{
	std::string path; ///< relative to the directory that was walked
	const char *what;
};

/// Calls `visit` for every regular file below a directory, except hidden files and those that end
/// in .tmp or .part. Does not follow symbolic links below the directory (which itself may be a
/// link), and does not open FIFOs and devices. Calls `unreadable` for each existing directory that
/// cannot be read, and `irregular`, if given, for other things in the position of a staged file.
void for_staged_files(const std::string &root, const std::function<void(StagedFile)> &visit,
					  const std::function<void(UnreadableDirectory)> &unreadable,
					  const std::function<void(IrregularFile)> &irregular = {});

/// The files of a dataset that a run takes up, in the order of partition and path. Only a limited
/// number is in memory: a definition has a limited number of file names in an hour, and each hour
/// is read once, one after the other. With a backlog that continues, starts at the end of its last
/// batch, and leaves out files with unfinished actions.
class Claim
{
  public:
	Claim(const Definition &definition, const pg::Settings &settings, const RunOptions &options);
	/// The next files, at most `count`. Empty if there are no more.
	std::vector<StagedFile> take(size_t count);
	/// The directories read so far that cannot be read, except those that failed earlier in this
	/// backlog.
	const std::vector<UnreadableDirectory> &unreadable() const { return unreadable_; }
	/// The paths, in the form of unreadable(), of the directories that could be read.
	const std::vector<std::string> &readable() const { return readable_; }
	/// The current hour.
	Backlog::Place place() const;
	/// The files looked at so far that may be incomplete.
	const WaitingFiles &waiting() const { return waiting_; }

  private:
	struct Hour
	{
		int hour;
		std::string folder; ///< hour=7 and hour=07 are two directories of the same hour
	};
	static bool is_before(const Hour &a, const Hour &b)
	{
		return std::tie(a.hour, a.folder) < std::tie(b.hour, b.folder);
	}

	bool next_date();
	bool next_hour();
	const Backlog *going_on() const;
	void skip_hours();
	bool is_wanted(const StagedFile &file) const;
	void look_at(int folder, const char *name, StagedFile file);
	void add_unreadable(std::string path, int error);

	const Definition &definition_;
	const pg::Settings &settings_;
	const RunOptions &options_;
	std::set<std::string> failed_; ///< earlier in this backlog
	std::vector<UnreadableDirectory> unreadable_;
	std::vector<std::string> readable_;
	WaitingFiles waiting_;
	std::vector<std::string> dates_;
	std::vector<Hour> hours_;       ///< of the current date
	size_t date_ = 0, hour_ = 0;    ///< indices of the next date and hour
	ScopedFd date_fd_;              ///< the current date
	std::vector<StagedFile> files_; ///< of the current hour, in reverse order
	uint64_t bytes_ = 0;
	bool any_ = false;
};

/// The approximate size of the files' records in tables and indexes: as much as their text. JSON is
/// compressed to about a seventh.
uint64_t expected_bytes(std::span<const StagedFile> staged);

/// Builds the RunFile and the FileTask of each staged file, and looks up in etl.file the hashes
/// that were already loaded under its path. Moves the paths out of `staged`.
std::vector<RunFile> take_up(const Definition &definition, const pg::Settings &settings,
							 const RunOptions &options, std::span<StagedFile> staged,
							 int64_t run_time, std::vector<FileTask> &tasks);

} // namespace etl
