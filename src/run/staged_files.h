// A run of one dataset over its staged files.
#pragma once

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "core/definition/definition.h"
#include "load/run_options.h"

namespace etl
{

/// Runs the dataset. Begins again without a file that changed while it was read, or with all
/// indexes in use when a postponed index refuses a row: one file or one row must not stop the
/// others.
void run_staged_files(const Catalog &catalog, const Definition &definition,
					  const RunOptions &options, RunResult &result);

} // namespace etl
