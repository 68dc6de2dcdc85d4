// The schema is in schemas/meta/x-etl.json. check.cpp checks how its parts have to fit each other;
// docs/reference/definition.md explains both.
#include "core/definition/metaschema.h"

namespace etl
{

const char *const x_etl_schema =
#include "meta/x-etl.inc"
	;

} // namespace etl
