// Relations that depend on the tables of an erasure and belong to no dataset: they may show or
// contain copies of the erased rows.
#pragma once

#include "catalog/definitions.h"
#include "erase/erase.h"

namespace etl
{

/// Adds to report.unreached the views and materialized views over the tables where a person was
/// found, and the tables whose foreign keys refer to these tables.
void add_dependents(const Catalog &catalog, const std::string &dataset, ErasureReport &report);

} // namespace etl
