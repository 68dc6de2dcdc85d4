// Refuses tables whose rows Citus keeps in shards. The extension cannot load, erase or search them.
#pragma once

#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// Throws 0A000 for a table of any kind that Citus manages, and for a partition, child or parent of
/// one. The rows of such a table are in shards, so rows that are written to the table of this node,
/// or found in its files, are not the rows that queries see.
void refuse_citus_table(Oid relation);

/// Like refuse_citus_table(), for every table of a definition that exists.
void refuse_citus_tables(const Definition &definition);

} // namespace etl
