// Treatments in SQL: which columns are personal, and what stands in their place.
#pragma once

#include <string>
#include <vector>

#include "core/definition.h"

namespace etl
{

/// A personal field as a column of a target table.
struct PersonalColumn
{
	const PersonalDefinition *field;
	const ColumnDefinition *column;
};

std::vector<PersonalColumn> personal_columns(const Definition &definition,
											 const TableDefinition &table);

/// The SQL expression of a treated column. alias: of the table's row; token: an SQL expression.
/// Null stays null.
std::string treated_expression(const PersonalColumn &column, const std::string &alias,
							   const std::string &token);

/// A select list of all the table's columns, the personal ones treated; rows are alias "t".
std::string treated_select_list(const Definition &definition, const TableDefinition &table,
								const std::vector<std::string> &columns);

} // namespace etl
