// After an erasure: which tables still have old row versions, and which WAL still has their bytes.
#pragma once

#include <vector>

#include "pg/guard.h"

namespace etl
{

/// Notes that the current transaction has erased in these tables: etl_erasure_purge names each of
/// them until it has been rewritten. Must be called inside an SPI connection.
void note_purge(const std::vector<Oid> &relations);

/// The tables that may contain data about the subjects of a dataset, its quarantine included. A
/// table without such rows now may still contain the bytes of earlier rows.
std::vector<Oid> purge_scope(const std::string &dataset);

} // namespace etl
