// From which partition a row came, where its table has no columns that say so.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"

namespace etl
{

/// Whether later files replace the dataset's rows, and its first table has not both a column for
/// the partition's date and one for its hour: then etl.row_partition keeps it.
bool keeps_row_partitions(const Definition &definition);

/// Whether the first table has both columns, and may hold rows that came before it had them.
bool may_have_unmarked_rows(const Definition &definition);

/// Positions of keys whose row came from a later partition than that. hours: since 2000-01-01. Of
/// rows that came under a definition by which nothing was noted, the processed files tell
/// (load/former_rows).
std::vector<size_t> late_rows(const Definition &definition,
							  const std::vector<std::string_view> &keys,
							  const std::vector<int64_t> &hours);

/// Notes from which partitions the rows with the keys come now.
void note_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys,
						 const std::vector<int64_t> &hours);

/// Whether anything is noted of the first table's rows.
bool any_row_partitions(const Definition &definition);

/// Of rows that were deleted because their records' subject was erased, or that say themselves from
/// where they come now.
void forget_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys);

/// What is noted of a table's rows, where it has another name now.
void move_row_partitions(const TableDefinition &from, const TableDefinition &to);

} // namespace etl
