// The schema stands in schemas/meta/x-etl.json. What its parts must be to each other is checked in
// check.cpp; docs/reference/definition.md explains both to people.
#include "core/definition/metaschema.h"

namespace etl
{

const char *const x_etl_schema =
#include "meta/x-etl.inc"
	;

} // namespace etl
