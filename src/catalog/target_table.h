// Whether a table can be a target.
#pragma once

#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// Throws 42809 for a relation that takes no rows, 428C9 for a column that takes no values.
void check_target(const Definition &definition, const TableDefinition &table, Oid oid);

} // namespace etl
