// Loads records that wait in quarantine for a key of another dataset when this key has arrived.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// Loads the records of all datasets that waited for a key which is in the dataset's table now, the
/// records of the dataset itself whose awaited keys have arrived since, and in turn the records
/// that waited for any of these. Each dataset of which something is loaded gets a row of etl.run.
/// To be called after the dataset was run or replayed, with its lock. Runs one short query where
/// nothing waits.
void release_waiting(const Catalog &catalog, const Definition &definition);

} // namespace etl
