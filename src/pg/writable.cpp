#include "pg/writable.h"

#include "core/base/sqlstate.h"
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/spi.h"

extern "C"
{
#include "access/xact.h"
#include "access/xlog.h"
}

namespace pg
{

void
require_writable(const std::string &name)
{
	if (call([] { return RecoveryInProgress(); }))
		throw Error(sqlstate::read_only_sql_transaction,
					"cannot execute " + name + "() during recovery",
					"This server is a standby, or has not finished its recovery.",
					"Call it on the primary server.");
	if (XactReadOnly)
		throw Error(sqlstate::read_only_sql_transaction,
					"cannot execute " + name + "() in a read-only transaction", "",
					"BEGIN READ WRITE; and, where that is the default of the session, SET "
					"default_transaction_read_only = off;");
}

bool
is_writable()
{
	return !XactReadOnly && !call([] { return RecoveryInProgress(); });
}

} // namespace pg

/// etl_internal.require_writable(name text)
PG_ETL_ENTRY(etl_require_writable)
{
	pg::require_writable(PG_ARGISNULL(0) ? "the function" : pg::text_argument(fcinfo, 0));
	return static_cast<Datum>(0);
}
