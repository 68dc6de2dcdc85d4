// etl_run() without a dataset: runs all datasets, one after the other.
#pragma once

#include <vector>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "load/run_options.h"

namespace etl
{

/// The options a call starts with. Indexes may be postponed, except in a transaction block, where
/// readers would wait until the block ends.
RunOptions options_of_call();

/// Runs every enabled dataset, in the order of Catalog::run_order(). A dataset that cannot be run
/// is reported in a WARNING, and the others are run. Must be called inside an SPI connection, like
/// all functions here.
std::vector<RunResult> run_all(const Catalog &catalog);

} // namespace etl
