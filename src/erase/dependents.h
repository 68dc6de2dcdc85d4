// What depends on the tables of an erasure and is none of the datasets' own: it may show or hold
// copies of what they held.
#pragma once

#include "catalog/definitions.h"
#include "erase/erase.h"

namespace etl
{

/// Adds to report.held the views and materialized views of the tables where somebody was found, and
/// the tables whose foreign keys point there.
void add_dependents(const Catalog &catalog, const std::string &dataset, ErasureReport &report);

} // namespace etl
