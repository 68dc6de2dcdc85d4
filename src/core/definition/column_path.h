// Where a column's value stands in the record, and how that lies to a field of the record.
#pragma once

#include <optional>

#include "core/definition/definition.h"

namespace etl
{

/// The place in the record that the column takes: of an element's field with "*" for the element.
/// Nothing where the column takes no field ("$line", "$record_date" …).
std::optional<Path> column_path(const TableDefinition &table, const ColumnDefinition &column);

/// What a column has to do with a field.
enum class Holds : uint8_t
{
	nothing,
	field,  ///< it takes the field, or an element that the field's "*" means
	inside, ///< it is json or jsonb, and the field lies inside its value
	part,   ///< it takes a part of what the field is
	around  ///< it is no json and takes what the field lies in: a value there has no such field
};
Holds holds(const ColumnDefinition &column, const Path &column_path, const Path &field);

/// The column takes the record's key, its subject's or one that it refers to by.
bool takes_key(const Definition &definition, const ColumnDefinition &column);
/// The column takes the time of the run, whatever stands in the record.
bool takes_run_time(const Definition &definition, const ColumnDefinition &column);

} // namespace etl
