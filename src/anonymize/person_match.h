// SQL expressions that compare columns that name a person with canonical keys.
#pragma once

#include <string>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// The condition that a row is about a person. `column` is the column of the table's alias that
/// takes the definition's subject. `person` is an SQL expression for a canonical key as text. If
/// the types differ, the type of the person's key decides, and an index on etl.person_key() may be
/// needed.
std::string person_match(const Catalog &catalog, const Definition &definition,
						 const ColumnDefinition &column, const std::string &alias,
						 const std::string &person);

/// An SQL expression of type text for the canonical key of the person that the column names. It is
/// null if the column names no person.
std::string person_expression(const Catalog &catalog, const Definition &definition,
							  const ColumnDefinition &column, const std::string &alias);

/// Throws 42804 if the subject column of the definition, or that of another dataset about its
/// people, does not identify people exactly. If this was so before, it is only a NOTICE.
void refuse_inexact_subjects(const Catalog &before, const Definition &definition);

} // namespace etl
