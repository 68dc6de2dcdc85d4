// The index of people for files that came under another definition than the one in force.
#pragma once

#include "catalog/definitions.h"

namespace etl
{

/// Reads the files of all datasets that the index of people knows by another definition than the
/// one in force (or than the last one of a dropped dataset), and does the same for quarantined
/// records: erasures then find people there as that definition says, too. Where nothing can be
/// written, or a file cannot be read, the index stays as it is, and unindexed_files() names the
/// file. Requires the datasets' locks.
void index_former_files(const Catalog &catalog);

} // namespace etl
