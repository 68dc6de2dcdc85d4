// Runs quarantined records through the checks and the load again.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "core/definition/definition.h"

namespace etl
{

/// Replays records of one dataset, and counts them in result. ids: the records to replay; null: all
/// that are open or wait for a key of another dataset. Requires the dataset's lock.
void replay_records(const Catalog &catalog, const Definition &definition, RunResult &result,
					const std::vector<int64_t> *ids);

/// Replays a dataset's open quarantined records, and records that waited for those that are loaded.
RunResult replay_dataset(const Catalog &catalog, const std::string &dataset);

} // namespace etl
