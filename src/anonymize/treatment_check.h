// Warns of constraints that would prevent an erasure.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// Reports a WARNING for each constraint (NOT NULL, UNIQUE, CHECK) of the existing target tables
/// that refuses the result of a treatment. The people concerned could not be erased.
void warn_of_constraints(const Definition &definition);

} // namespace etl
