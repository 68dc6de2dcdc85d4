// The position of a column's value in the record, and its relation to a field of the record.
#pragma once

#include <optional>

#include "core/definition/definition.h"

namespace etl
{

/// The path of the field that the column takes, with "*" for the element if the field is in an
/// element. Nothing if the column takes no field ("$line", "$record_date" …).
std::optional<Path> column_path(const TableDefinition &table, const ColumnDefinition &column);

/// The first column of the table that takes the field at this path. Null if there is none.
const ColumnDefinition *column_taking(const TableDefinition &table, const Path &path);

/// The relation of a column's value to a field.
enum class Holds : uint8_t
{
	nothing,
	field,  ///< the column takes the field, or an element that "*" in the field stands for
	inside, ///< the column is json or jsonb, and the field is inside its value
	part,   ///< the column takes a part of the field
	around  ///< the column is not json and takes a value around the field, so the field is not
			///< stored in it
};
Holds holds(const ColumnDefinition &column, const Path &column_path, const Path &field);

/// Whether the column takes the key of the record, of its subject or of a reference.
bool takes_key(const Definition &definition, const ColumnDefinition &column);
/// Whether the column takes the time of the run, whatever the record contains.
bool takes_run_time(const Definition &definition, const ColumnDefinition &column);

} // namespace etl
