// Claim: which staged files a run takes up.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "run/run.h"

namespace etl
{

/// Microseconds from 1970-01-01, where the file system's clock begins, to 2000-01-01, PostgreSQL's.
constexpr int64_t unix_to_pg_epoch = INT64_C(946684800000000);

/// A regular file below the raw folder.
struct StagedFile
{
	std::string path; ///< relative
	FileIdentity identity;
	std::optional<Partition> partition;
	std::string name() const { return path.substr(path.rfind('/') + 1); }
};

/// Every regular file below the raw folder, but hidden ones and those that end in .tmp or .part.
/// Symbolic links, FIFOs and devices are not looked at. Unreadable folders are skipped.
std::vector<StagedFile> list_staged_files(const std::string &raw_dir);

/// The files of a dataset that a run takes up, in order of partition and path.
std::vector<StagedFile> claim_files(const Definition &definition, const pg::Settings &settings,
									const RunOptions &options);

/// What a run needs to know of some of them, and what its threads do, including what etl.file knows
/// of contents that came under the same name before. Takes the names out of staged.
std::vector<RunFile> take_up(const Definition &definition, const pg::Settings &settings,
							 const RunOptions &options, std::span<StagedFile> staged,
							 int64_t run_time, std::vector<FileTask> &tasks);

/// Does the name (without ".gz") end in ".json"?
bool is_whole_json(const std::string &name);
bool is_gzip(const std::string &name);

} // namespace etl
