// The people in files that the index of people does not know, or knows by a former definition; also
// in files that the catalog does not know and that are not to be loaded.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/settings.h"

namespace etl
{

/// Notes archived and processed files that the catalog does not know after a reload has left them
/// out. Erasures reach these files as if they were loaded (etl.file has them as skipped), and a
/// later reload may load them. Requires the dataset's lock.
void note_left_out(const Catalog &catalog, const Definition &definition,
				   const pg::Settings &settings);

/// Reads the files of all datasets that the index of people knows by another definition than the
/// one in force (or than the last one of a dropped dataset), and does the same for quarantined
/// records: erasures then find people there as that definition says, too. Where nothing can be
/// written, or a file cannot be read, the index stays as it is, and unindexed_files() names the
/// file. Requires the datasets' locks.
void index_former_files(const Catalog &catalog);

} // namespace etl
