// A later file's record replaces what is in the tables: the row of the first table by its key,
// child rows by key and line. What stays the same stays where it is, so that rows of other tables
// which refer to it (ON DELETE CASCADE) do not go.
#pragma once

#include "core/definition/definition.h"
#include "load/load_rows.h"

namespace etl
{

/// Whether one of the tables may refuse a row for what it says, beside its key.
bool may_refuse_rows(const Definition &definition);

/// What became of rows of the first table whose keys were in it.
struct ReplacedRows
{
	std::vector<bool> done;      ///< by position: it took the place of the row in the table
	std::vector<size_t> missing; ///< positions of keys that are not in the table any more
	/// How many are done, missing or from an earlier partition than the row in the table: a trigger
	/// has kept the others out.
	uint64_t accounted = 0;
};

/// Positions of rows whose key is in the table with a row that does not say from which partition it
/// came, although it has the columns: they were added later.
std::vector<size_t> unmarked_rows(const Definition &definition, const std::vector<LoadRow> &rows);

/// Rows whose key is in the table replace the row, unless that came from a later partition: a late
/// file does not undo what a newer one said.
ReplacedRows replace_rows(const Definition &definition, const std::vector<LoadRow> &rows);

/// Makes the rows of a child table those of its parents. keys: encoded keys of the parents that
/// were replaced, whose index is LoadRow::record of their rows. Returns the rows that are new,
/// which are to be inserted. anew: all of them, and what was there is deleted.
std::vector<LoadRow> replace_child_rows(const Definition &definition, const TableDefinition &child,
										const std::vector<std::string_view> &keys,
										const std::vector<LoadRow> &rows, bool anew);

} // namespace etl
