#include "core/definition/column_path.h"

#include <algorithm>

#include "core/types/column_type.h"

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

const ColumnDefinition *
column_taking(const TableDefinition &table, const Path &path)
{
	for (const ColumnDefinition &column : table.columns)
		if (column.source == Source::field && column.path == path)
			return &column;
	return nullptr;
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
																			 : Holds::around;
}

bool
takes_key(const Definition &definition, const ColumnDefinition &column)
{
	if (column.source != Source::field)
		return false;
	if ((!definition.key_field.empty() && column.path == definition.key) ||
		(definition.subject && column.path == definition.subject->path))
		return true;
	return std::any_of(definition.references.begin(), definition.references.end(),
					   [&](const ReferenceDefinition &rule) { return rule.path == column.path; });
}

bool
takes_run_time(const Definition &definition, const ColumnDefinition &column)
{
	if (column.source == Source::run_time)
		return true;
	return column.source == Source::field &&
		   std::any_of(definition.normalize.begin(), definition.normalize.end(),
					   [&](const NormalizeDefinition &rule) {
						   return rule.action == NormalizeDefinition::Action::set_run_time &&
								  rule.path == column.path;
					   });
}

} // namespace etl
