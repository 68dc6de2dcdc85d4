// Loads a batch into its tables.
#pragma once

#include "core/definition/definition.h"
#include "load/batch.h"
#include "load/key_memory.h"

namespace etl
{

/// Whether the target table exists and has a row.
bool has_rows(const TableDefinition &table);

/// Loads the accepted records. A record that a table refuses gets a constraint violation. `memory`
/// may be null.
void load(const Definition &definition, Batch &batch, const CheckMemory *memory = nullptr);

} // namespace etl
