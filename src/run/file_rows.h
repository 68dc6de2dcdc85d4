// What the catalog gets to know of a run's files.
#pragma once

#include <string>
#include <vector>

#include "run/run.h"

namespace etl
{

/// Inserts the files' rows of etl.file, by COPY.
void insert_files(const std::string &dataset, int64_t run_id, const std::vector<RunFile> &files);

} // namespace etl
