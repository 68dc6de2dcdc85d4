// The tables of an erasure before anything is changed: whether everything in them can be treated,
// and which emails they have of the people.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "anonymize/treated_columns.h"
#include "core/definition/definition.h"
#include "erase/erasure.h"

namespace etl
{

/// Columns that a definition calls personal and that do not exist: the table, as place_of() names
/// it, and the column.
using MissingColumns = std::set<std::pair<std::string, std::string>>;

/// To be called before anything is changed: every row must be visible and every column must exist,
/// or it could not be said that nothing is left. A missing table or column that does no harm is
/// reported. Throws 42804 where a column has another type than the definition says, or one by which
/// rows are found is missing; and what require_every_row() throws.
MissingColumns check_tables(Erasure &erasure);

/// The personal columns that exist.
std::vector<PersonalColumn> present_columns(const Definition &definition,
											const TableDefinition &table,
											const MissingColumns &missing);

/// Finds the emails that are known of the subjects: a record that cannot be read may name a person
/// only by one of them.
void find_stored_emails(Erasure &erasure, const MissingColumns &missing);

} // namespace etl
