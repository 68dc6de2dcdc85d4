// Checks whether a table can be a target table.
#pragma once

#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// Throws 42809 for a relation into which no rows can be inserted, and 428C9 for a column to which
/// no values can be written.
void check_target(const Definition &definition, const TableDefinition &table, Oid oid);

} // namespace etl
