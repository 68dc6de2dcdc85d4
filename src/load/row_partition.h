// Records the partition that a row came from, if its table has no columns for this.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"

namespace etl
{

/// Whether etl.row_partition has the partitions of the dataset's rows: later files replace the
/// rows, and the first table does not have both a column for the partition's date and one for its
/// hour.
bool keeps_row_partitions(const Definition &definition);

/// Whether the first table has both columns, and may have rows from before it had them.
bool may_have_unmarked_rows(const Definition &definition);

/// Positions of keys whose row came from a later partition than the one in `hours` (since
/// 2000-01-01). For rows that were loaded by a definition for which nothing was recorded, the
/// processed files are read (load/former_rows).
std::vector<size_t> late_rows(const Definition &definition,
							  const std::vector<std::string_view> &keys,
							  const std::vector<int64_t> &hours);

/// Records the partitions from which the rows with these keys come now.
void note_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys,
						 const std::vector<int64_t> &hours);

/// Whether there are entries for rows of the first table.
bool any_row_partitions(const Definition &definition);

/// Deletes the entries of rows that were deleted by an erasure, or whose table has columns for the
/// partition now.
void forget_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys);

/// Moves the entries of a table that has got another name.
void move_row_partitions(const TableDefinition &from, const TableDefinition &to);

} // namespace etl
