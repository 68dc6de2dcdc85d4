// Checks that the parts of a definition fit each other.
#pragma once

#include "core/definition/column_path.h"

namespace etl
{

/// Throws DefinitionError with the pointer of a part that does not fit the others: a key without a
/// column, a primary key of unknown columns, a child table without its parent's key, a treatment
/// whose result does not fit the column …
void check_definition(const Definition &definition);

/// Calls visit(table, column) for each column that takes the field. The field may be inside
/// elements: "/a/*/b" is "./b" of a table for each "/a".
template <typename Visit>
void
columns_of_field(const Definition &d, const Path &field, Visit &&visit)
{
	for (const TableDefinition &table : d.tables)
		for (const ColumnDefinition &column : table.columns)
		{
			if (const std::optional<Path> path = column_path(table, column); path && *path == field)
				visit(table, column);
		}
}

} // namespace etl
