#include "pg/immediate_constraints.h"

#include "pg/spi.h"

namespace pg
{

namespace
{

/// The number of objects that exist. An erasure inside a run creates a second one.
int depth = 0;

} // namespace

ImmediateConstraints::ImmediateConstraints()
{
	if (depth == 0 && find_deferrable())
	{
		try
		{
			execute("SET CONSTRAINTS ALL IMMEDIATE");
		}
		catch (const Error &e)
		{
			throw Error(e.sqlstate(),
						"a deferred constraint of this transaction is not satisfied yet", e.what(),
						"Constraints are checked at once from here on. Satisfy it before the call, "
						"or make the call in a transaction of its own.");
		}
	}
	++depth;
}

constexpr char read_deferrable_constraints_sql[] = R"(
SELECT count(*) > 0,
       string_agg(DISTINCT format('%I.%I', n.nspname, c.conname), ', ')
       FILTER (WHERE c.condeferred AND has_schema_privilege(n.oid, 'USAGE')
               AND NOT EXISTS (SELECT FROM pg_constraint o
                                WHERE o.connamespace = n.oid AND o.conname = c.conname
                                  AND NOT o.condeferred))
  FROM pg_constraint c
  JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferrable)";

/// Whether there is any deferrable constraint. Stores the names of those that are initially
/// deferred.
bool
ImmediateConstraints::find_deferrable()
{
	// a name in the statement means the constraints of this name on all tables of the schema
	const Rows rows = query(read_deferrable_constraints_sql);
	deferred_ = rows.text(0, 1);
	return rows.boolean(0, 0);
}

ImmediateConstraints::~ImmediateConstraints()
{
	--depth;
}

void
ImmediateConstraints::end()
{
	if (!deferred_.empty())
		execute("SET CONSTRAINTS " + deferred_ + " DEFERRED");
}

} // namespace pg
