#include "pg/immediate_constraints.h"

#include "pg/spi.h"

namespace pg
{

namespace
{

/// An erasure that a run carries out is inside the run's.
int depth = 0;

} // namespace

ImmediateConstraints::ImmediateConstraints()
{
	if (depth == 0)
	{
		// (a name is a constraint's of any table in its schema)
		const Rows rows = query(
			"SELECT count(*) > 0, string_agg(DISTINCT format('%I.%I', n.nspname, c.conname), ', ')"
			" FILTER (WHERE c.condeferred AND has_schema_privilege(n.oid, 'USAGE')"
			"  AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.connamespace = n.oid"
			"   AND o.conname = c.conname AND NOT o.condeferred))"
			" FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace"
			" WHERE c.condeferrable");
		deferred_ = rows.text(0, 1);
		if (rows.boolean(0, 0))
			execute("SET CONSTRAINTS ALL IMMEDIATE");
	}
	++depth;
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
