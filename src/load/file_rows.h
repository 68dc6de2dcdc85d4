// Inserts the files of a run into etl.file.
#pragma once

#include <string>
#include <vector>

#include "load/run_file.h"

namespace etl
{

/// Inserts the rows of the files into etl.file, by COPY.
void insert_files(const std::string &dataset, int64_t run_id, const std::vector<RunFile> &files);

/// If a file or directory that failed was taken away since, it is no longer waited for: its row
/// gets the status skipped.
void skip_gone_files(const std::string &dataset, const std::string &raw_dir);

} // namespace etl
