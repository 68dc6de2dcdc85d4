// The JSON Schema of the "x-etl" object.
#pragma once

namespace etl
{

/// The JSON Schema of the "x-etl" object as text.
extern const char *const x_etl_schema;

} // namespace etl
