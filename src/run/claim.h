// Claim: which staged files a run takes up.
#pragma once

#include <functional>
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

/// The files of a dataset in order of partition and path, with what etl.file knows of contents that
/// came under the same name before.
std::vector<RunFile> claim_files(const Definition &definition, const pg::Settings &settings,
								 const RunOptions &options, std::vector<FileTask> &tasks,
								 int64_t run_time);

/// Does the name (without ".gz") end in ".json"?
bool is_whole_json(const std::string &name);
bool is_gzip(const std::string &name);

} // namespace etl
