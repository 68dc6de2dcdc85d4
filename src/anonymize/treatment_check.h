// What an erasure would meet in the tables of a definition.
#pragma once

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// A WARNING for each constraint of the target tables, where they exist, that refuses what a
/// treatment gives: NOT NULL, UNIQUE, CHECK. The people concerned could not be erased.
void warn_of_constraints(const Definition &definition);

} // namespace etl
