// Normalization of a record before it is validated.
#pragma once

#include "core/definition/definition.h"
#include "core/json/document.h"

namespace etl
{

/// Turns texts into numbers in the fields for which the definition asks for this.
void normalize_numbers(const Definition &definition, Document &document);

} // namespace etl
