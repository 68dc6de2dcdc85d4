// Claim: which staged files a run takes up.
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

/// Microseconds from 1970-01-01, where the file system's clock begins, to 2000-01-01, PostgreSQL's.
constexpr int64_t unix_to_pg_epoch = INT64_C(946684800000000);

/// A regular file below the raw folder.
struct StagedFile
{
	std::string path;               ///< relative; of an archived file, under which it came
	std::string archived_path = {}; ///< relative to the archive; empty: it is in the raw directory
	FileIdentity identity;
	std::optional<Partition> partition;
	std::string name() const { return path.substr(path.rfind('/') + 1); }
};

/// A directory that cannot be read: nobody knows what is in it.
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

/// Calls visit for every regular file below a directory, but hidden ones and those that end in .tmp
/// or .part. Symbolic links below it, FIFOs and devices are not followed or opened; the directory
/// itself may be a link. Calls unreadable for each directory that is there and cannot be read, and
/// irregular, where it is given, for what stands in a file's place.
void for_staged_files(const std::string &root, const std::function<void(StagedFile)> &visit,
					  const std::function<void(UnreadableDirectory)> &unreadable,
					  const std::function<void(IrregularFile)> &irregular = {});

/// The files of a dataset that a run takes up, in order of partition and path. Names no more of
/// them at a time than are asked for: a definition has so many names for an hour, and hours are
/// looked at one after the other, each once. With a backlog that goes on, from where its last batch
/// has ended, and without the files that something has yet to be done with.
class Claim
{
  public:
	Claim(const Definition &definition, const pg::Settings &settings, const RunOptions &options);
	/// The next of them, at most count; none: that was all.
	std::vector<StagedFile> take(size_t count);
	/// Directories among those looked at so far that cannot be read, but those that failed in this
	/// very backlog.
	const std::vector<UnreadableDirectory> &unreadable() const { return unreadable_; }
	/// Paths, as unreadable() has them, of the directories that could be read.
	const std::vector<std::string> &readable() const { return readable_; }
	/// The hour in hand.
	Backlog::Place place() const;
	/// Those among the files looked at so far that may not be complete.
	const WaitingFiles &waiting() const { return waiting_; }

  private:
	struct Hour
	{
		int hour;
		std::string folder; ///< hour=7 and hour=07 are two of one hour
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
	std::set<std::string> failed_; ///< in this very backlog
	std::vector<UnreadableDirectory> unreadable_;
	std::vector<std::string> readable_;
	WaitingFiles waiting_;
	std::vector<std::string> dates_;
	std::vector<Hour> hours_;       ///< of the date in hand
	size_t date_ = 0, hour_ = 0;    ///< the next ones
	ScopedFd date_fd_;              ///< the date in hand
	std::vector<StagedFile> files_; ///< of the hour in hand, the first one last
	uint64_t bytes_ = 0;
	bool any_ = false;
};

/// About what the files' records will take in tables and indexes: as much as their text, and JSON
/// is compressed to a seventh.
uint64_t expected_bytes(std::span<const StagedFile> staged);

/// What a run needs to know of some of them, and what its threads do, including what etl.file knows
/// of contents that came under the same name before. Takes the names out of staged.
std::vector<RunFile> take_up(const Definition &definition, const pg::Settings &settings,
							 const RunOptions &options, std::span<StagedFile> staged,
							 int64_t run_time, std::vector<FileTask> &tasks);

/// "customers.json.gz" of "customers.2.json.gz": the name, or path, under which a file came that
/// has got a number in the archive or among the processed files.
std::string path_without_count(const std::string &path);

/// Does the name (without ".gz") end in ".json"?
bool is_whole_json(const std::string &name);
bool is_gzip(const std::string &name);

} // namespace etl
