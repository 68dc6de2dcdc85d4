// Relations that have contained records about people. When such a relation is no longer a target
// table, it still contains these people, but no definition leads to it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Notes in etl.personal_relation the target tables of a definition whose records are about people,
/// their partitions and other relations behind them, and their personal columns. Does nothing for
/// other definitions.
void note_personal_relations(const Definition &definition);

/// The places that contained records about the people of a dataset and that an erasure cannot
/// reach: detached partitions, tables of definitions that were dropped or have other tables now,
/// columns that are not treated any more. Each with the reason.
std::vector<std::pair<std::string, std::string>> former_places(const Catalog &catalog,
															   const std::string &dataset);

/// The relations of former_places() of all datasets.
std::vector<Oid> former_relations(const Catalog &catalog);

/// Warns where a table of the definition has contained people of a dataset that is not defined any
/// more and some of these people were erased: under another dataset name they are not recognised.
void warn_of_erased_people(const Catalog &catalog, const Definition &definition);

} // namespace etl
