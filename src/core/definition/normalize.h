// Normalization of a record before it is validated.
#pragma once

#include "core/definition/definition.h"
#include "core/json/document.h"

namespace etl
{

/// Turns texts into the numbers that the definition wants them to be.
void normalize_numbers(const Definition &definition, Document &document);

} // namespace etl
