// Files that the catalog does not know, and that are not to be loaded: whom they hold.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/settings.h"

namespace etl
{

/// Notes archived and processed files that the catalog does not know after a reload has left them
/// out: erasures reach them as if they were loaded (etl.file has them as skipped), and a later
/// reload may load them. Needs the dataset's lock.
void note_left_out(const Catalog &catalog, const Definition &definition,
				   const pg::Settings &settings);

} // namespace etl
