// Relations that have held records about people: one that is no target table any more still holds
// them, and no definition leads there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Notes in etl.held_relation the target tables of a definition whose records are about people, and
/// all that lies behind them, with their personal columns. Does nothing for other definitions.
void note_held_relations(const Definition &definition);

/// What held records about the people of a dataset and is out of reach of an erasure: detached
/// partitions, tables of definitions that are gone or have other tables now, columns that are not
/// treated any more. Each with why.
std::vector<std::pair<std::string, std::string>> former_places(const Catalog &catalog,
															   const std::string &dataset);

/// Relations of former_places(), of anybody's.
std::vector<Oid> former_relations(const Catalog &catalog);

/// Tells in a WARNING where a table of the definition has held people of a dataset that is not
/// defined any more, and some of them were erased: under another name nobody recognises them.
void warn_of_erased_people(const Catalog &catalog, const Definition &definition);

} // namespace etl
