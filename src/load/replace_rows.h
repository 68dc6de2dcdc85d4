// Replaces rows with those of a later file: the row of the first table by its key, child rows by
// key and line. Rows that do not change are not touched, so that rows of other tables that refer to
// them (ON DELETE CASCADE) are not deleted.
#pragma once

#include "core/definition/definition.h"
#include "load/load_rows.h"

namespace etl
{

/// Whether one of the tables may refuse a row for another reason than its key.
bool may_refuse_rows(const Definition &definition);

/// The result for rows of the first table whose keys were in it.
struct ReplacedRows
{
	std::vector<bool> done;      ///< by position: the row in the table was replaced
	std::vector<size_t> missing; ///< positions of keys that are no longer in the table
	/// The number of rows that were replaced, whose key is missing, or that are from an earlier
	/// partition than the row in the table. A trigger has kept the others out.
	uint64_t accounted = 0;
};

/// Positions of rows whose key is in the table with a row that does not have its partition,
/// although the table has columns for it, because these were added later.
std::vector<size_t> unmarked_rows(const Definition &definition, const std::vector<LoadRow> &rows);

/// Replaces the rows whose key is in the table, unless that row is from a later partition: a late
/// file must not undo what a newer file said.
ReplacedRows replace_rows(const Definition &definition, const std::vector<LoadRow> &rows);

/// Replaces the child rows of replaced parents. `keys`: encoded keys of these parents;
/// LoadRow::record of their rows is an index into them. Returns the new rows, which must be
/// inserted. `anew`: deletes all existing rows and returns all rows.
std::vector<LoadRow> replace_child_rows(const Definition &definition, const TableDefinition &child,
										const std::vector<std::string_view> &keys,
										const std::vector<LoadRow> &rows, bool anew);

} // namespace etl
