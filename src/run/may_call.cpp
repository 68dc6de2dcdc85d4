#include "run/may_call.h"

#include "pg/spi.h"

namespace etl
{

constexpr char may_call_any_sql[] = R"(
SELECT coalesce(bool_or(has_function_privilege(p.oid, 'EXECUTE')), false)
  FROM pg_depend d
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
       AND e.extname = 'pg_etl' AND d.deptype = 'e'
  JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
 WHERE p.proname = $1)";

bool
may_call(const std::string &function)
{
	return pg::query(may_call_any_sql, {pg::param(function)}).boolean(0, 0);
}

} // namespace etl
