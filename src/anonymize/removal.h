// "on_erasure": "delete" for rows: a row is deleted if no other row refers to it, else all its
// columns but the key are reset.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// The SQL statements for "on_erasure": "delete", to be run in this order. Each takes the canonical
/// keys of the subjects as $1 and the result of awaited_people() as $2 (text[]), and returns the
/// subject (text) of every row that it has changed. Rows to which no other row refers are deleted,
/// first those of child tables. A row to which a reference of another definition or a foreign key
/// refers, and the row of a person to whom a waiting record refers, keeps its key and its origin,
/// and all other columns are set to their defaults. Empty if there is no table. In processed and
/// archived files the line of the record is removed. A quarantined record is removed as a whole.
std::vector<std::string> removal_statements(const Catalog &catalog, const Definition &definition);

/// Returns the people of `subjects` (of the definition's own dataset) to whom records refer that
/// wait in quarantine for something else. These records will be treated and loaded later, and need
/// the person's key then.
std::vector<std::string> awaited_people(const Catalog &catalog, const Definition &definition,
										const pg::Param &subjects);

/// A query for rows of the table that should have been deleted because no other row refers to them.
/// It takes the subjects as $1, the keys of their records as $2 (because a record may have lost its
/// subject) and awaited_people() as $3 (text[]), and returns the subjects. "" if the rows have no
/// key.
std::string left_after_removal(const Catalog &catalog, const Definition &definition,
							   const TableDefinition &table);

/// The definitions whose records are about subjects of the dataset, in the order of an erasure:
/// those that refer to others first, because their deleted rows no longer refer.
std::vector<const Definition *> definitions_about(const Catalog &catalog,
												  const std::string &dataset);

} // namespace etl
