#include "core/types/type_error.h"

#include "core/base/sqlstate.h"
#include "core/types/column_type.h"

namespace etl
{

bool
mismatch(const ColumnType &type, std::string_view got, TypeError &error, const char *sqlstate)
{
	error.sqlstate = sqlstate;
	error.message = "expected " + type.sql + ", got ";
	error.message += got;
	return false;
}

bool
out_of_range(const ColumnType &type, TypeError &error)
{
	error.sqlstate = sqlstate::numeric_value_out_of_range;
	error.message = "out of range for type " + type.sql;
	return false;
}

} // namespace etl
