// Records that wait in quarantine for a key of another dataset are loaded when it has arrived.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// Loads the records of all datasets that waited for a key which is in the dataset's table now,
/// those of the dataset itself whose keys have arrived since, and what waited for any of these in
/// turn. Each dataset of which something is loaded gets a row of etl.run. Call when the dataset has
/// been run or replayed, with its lock. Costs one look at an index where nothing waits.
void release_waiting(const Catalog &catalog, const Definition &definition);

} // namespace etl
