// "on_erasure": "delete" for rows: gone where nothing refers to them, else emptied but for the key.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

/// "on_erasure": "delete" in SQL. Statements to run in this order; each takes the subjects'
/// canonical keys as $1 and those of awaited_people() as $2 (text[]), and returns the subject
/// (text) of every row that it touched. Rows that nothing refers to are deleted, those of child
/// tables first; what a reference of another definition or a foreign key points to, and a person
/// whom a waiting record refers to, keeps its key and where it came from, and everything else takes
/// its default. None where there is no table. In processed and archived files the record's line
/// goes; a quarantined record goes as a whole.
std::vector<std::string> removal_statements(const Catalog &catalog, const Definition &definition);

/// Those of the people (of the definition's own dataset) to whom records refer that wait in
/// quarantine for something else: they are loaded, treated, when that comes, and need the key.
std::vector<std::string> awaited_people(const Catalog &catalog, const Definition &definition,
										const pg::Param &subjects);

/// A query for rows of the table that were to be deleted and are there: nothing refers to them. It
/// takes subjects and the keys of their records as $1 and $2, because the record may have lost its
/// subject, and awaited_people() as $3 (text[]), and returns the subjects. "" where rows have no
/// key.
std::string left_after_removal(const Catalog &catalog, const Definition &definition,
							   const TableDefinition &table);

/// The definitions whose records are about subjects of the dataset, in the order of an erasure:
/// those that refer to others first, so that what is deleted there no longer refers.
std::vector<const Definition *> definitions_about(const Catalog &catalog,
												  const std::string &dataset);

} // namespace etl
