// After an erasure: which tables still hold old row versions, and which WAL still holds their
// bytes.
#pragma once

#include <vector>

#include "pg/guard.h"

namespace etl
{

/// Notes that the current transaction has erased in these tables: until each has been rewritten,
/// etl_erasure_purge names it. Must be called inside an SPI connection.
void note_purge(const std::vector<Oid> &relations);

/// The tables that can hold anything about the subjects of a dataset, its quarantine included: a
/// row that was there earlier left its bytes, too.
std::vector<Oid> purge_scope(const std::string &dataset);

} // namespace etl
