// The order in which the rows of a batch are loaded.
#pragma once

#include <vector>

#include "load/load_rows.h"

namespace etl
{

/// Sorts rows by primary key, so that neighbouring rows are on the same index pages. Equal keys
/// keep their order.
void sort_rows(std::vector<LoadRow> &rows);

} // namespace etl
