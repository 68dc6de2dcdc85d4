// Files of the archive and the processed files that the catalog does not know.
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

} // namespace etl
