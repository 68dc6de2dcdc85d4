// Whose rows are: columns that name a person, compared with canonical keys in SQL.
#pragma once

#include <string>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// The condition that a row is about a person. column: of the table's alias that takes the
/// definition's subject; person: an SQL expression of a canonical key, as text. Where types differ
/// the type of the person's key says who is meant, and it may take an index on etl.person_key().
std::string person_match(const Catalog &catalog, const Definition &definition,
						 const ColumnDefinition &column, const std::string &alias,
						 const std::string &person);

/// The canonical key of the person that the column names, as an SQL expression of text; null where
/// it names nobody.
std::string person_expression(const Catalog &catalog, const Definition &definition,
							  const ColumnDefinition &column, const std::string &alias);

/// Throws 42804 where the definition's subject column, or that of another dataset about its people,
/// cannot tell exactly whose a row is; tells in a NOTICE what was so before.
void refuse_inexact_subjects(const Catalog &before, const Definition &definition);

} // namespace etl
