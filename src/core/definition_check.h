// Do the parts of a definition fit each other?
#pragma once

#include "core/definition.h"

namespace etl
{

/// Throws DefinitionError, naming the place, when they do not: a key without a column, a primary key
/// of unknown columns, a child table without its parent's key, a treatment that the column can't
/// take …
void check_definition(const Definition &definition);

} // namespace etl
