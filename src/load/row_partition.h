// From which partition a row came, where its table has no columns that say so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"

namespace etl
{

/// Whether later files replace the dataset's rows, and its first table has not both a column for
/// the partition's date and one for its hour: then etl.row_partition keeps it.
bool keeps_row_partitions(const Definition &definition);

/// Positions of keys whose row came from a later partition than that. hours: since 2000-01-01.
std::vector<size_t> late_rows(const std::string &dataset, const std::vector<std::string_view> &keys,
							  const std::vector<int64_t> &hours);

/// Notes from which partitions the rows with the keys come now.
void note_row_partitions(const std::string &dataset, const std::vector<std::string_view> &keys,
						 const std::vector<int64_t> &hours);

/// Of rows that were deleted because their records' subject was erased.
void forget_row_partitions(const std::string &dataset, const std::vector<std::string_view> &keys);

} // namespace etl
