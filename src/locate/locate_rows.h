// The part of a search that SQL can do with the privileges of the caller: rows, statistics and
// statements.
#pragma once

#include "core/search/needle.h"
#include "locate/located.h"

namespace etl
{

/// Searches rows, planner statistics and statement statistics.
void locate_rows(const Needle &needle, Located &located);

} // namespace etl
