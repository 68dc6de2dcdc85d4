#include "core/column_path.h"

#include <algorithm>

namespace etl
{

std::optional<Path>
column_path(const TableDefinition &table, const ColumnDefinition &column)
{
	if (column.source == Source::field)
		return column.path;
	if (column.source != Source::element)
		return std::nullopt;
	Path path = table.each;
	path.push_back("*");
	path.insert(path.end(), column.path.begin(), column.path.end());
	return path;
}

Holds
holds(const ColumnDefinition &column, const Path &column_path, const Path &field)
{
	for (size_t i = 0; i < std::min(column_path.size(), field.size()); ++i)
		if (column_path[i] != field[i] && column_path[i] != "*" && field[i] != "*")
			return Holds::nothing;
	if (column_path.size() > field.size())
		return Holds::part;
	if (column_path.size() == field.size())
		return Holds::field;
	return column.type.id == TypeId::json || column.type.id == TypeId::jsonb ? Holds::inside
																			 : Holds::nothing;
}

} // namespace etl
