#include "pg/copy_rows.h"

#include <cstring>
#include <string>

#include "pg/guard.h"

extern "C"
{
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
}

namespace etl
{

Oid
catalog_table(const char *name)
{
	const char *dot = strchr(name, '.');
	const std::string schema(name, dot);
	const char *s = schema.c_str();
	return pg::call([=] { return get_relname_relid(dot + 1, get_namespace_oid(s, false)); });
}

} // namespace etl
