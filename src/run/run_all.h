// etl_run() without a dataset: all of them, one after the other.
#pragma once

#include <vector>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "load/run_options.h"

namespace etl
{

/// What a call begins with: indexes may wait, but in a transaction block, where readers would wait
/// for as long as it is kept open.
RunOptions options_of_call();

/// Runs every enabled dataset, in the order of Catalog::run_order(); those that cannot be run are
/// told of in a WARNING, and the others go on. Must be called inside an SPI
/// connection, as all of these.
std::vector<RunResult> run_all(const Catalog &catalog);

} // namespace etl
