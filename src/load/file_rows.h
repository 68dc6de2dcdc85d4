// What the catalog gets to know of a run's files.
#pragma once

#include <string>
#include <vector>

#include "load/run_file.h"

namespace etl
{

/// Inserts the files' rows of etl.file, by COPY.
void insert_files(const std::string &dataset, int64_t run_id, const std::vector<RunFile> &files);

/// A file, or directory, that failed and was taken away since is waited for no more: its row says
/// so from then on, with status skipped.
void skip_gone_files(const std::string &dataset, const std::string &raw_dir);

} // namespace etl
