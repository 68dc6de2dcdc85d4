// Tables whose rows Citus keeps in shards: nothing here can load, erase or search them yet.
#pragma once

#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// Throws 0A000 for a table that Citus knows, of whatever kind, or that is a partition, child or
/// parent of one: its rows lie in shards, and what is written into the table of this node, or found
/// in its files, is not what queries see.
void refuse_citus_table(Oid relation);

/// The same for every table of a definition that exists.
void refuse_citus_tables(const Definition &definition);

} // namespace etl
