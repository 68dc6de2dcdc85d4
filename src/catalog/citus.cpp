#include "catalog/citus.h"

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/srf.h"

extern "C"
{
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "utils/lsyscache.h"
}

namespace etl
{

namespace
{

/// Finds a table that Citus manages among a relation, its parents, children and partitions, and the
/// tables that a view selects from.
constexpr char known_to_citus_sql[] = R"(
WITH RECURSIVE below(relid) AS (
    SELECT $1::pg_catalog.oid
    UNION
    SELECT n.relid FROM below CROSS JOIN LATERAL (
        SELECT i.inhrelid AS relid FROM pg_catalog.pg_inherits i WHERE i.inhparent = below.relid
        UNION ALL
        SELECT d.refobjid FROM pg_catalog.pg_class v
          JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid AND w.rulename = '_RETURN'
          JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
           AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid <> v.oid
         WHERE v.oid = below.relid AND v.relkind IN ('v', 'm')) n),
above(relid) AS (
    SELECT $1::pg_catalog.oid
    UNION
    SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.relid)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), ($1::pg_catalog.oid)::pg_catalog.regclass::text
  FROM pg_catalog.pg_dist_partition p
  JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid::pg_catalog.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid IN (SELECT relid FROM below UNION SELECT relid FROM above)
 ORDER BY 1 LIMIT 1)";

} // namespace

void
refuse_citus_table(Oid relation)
{
	// only the extension can have created the table, because no other role may do so in pg_catalog
	const Oid catalog =
		pg::call([] { return get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE); });
	if (!OidIsValid(catalog))
		return;
	const pg::Rows rows =
		pg::query(known_to_citus_sql, {pg::param(static_cast<int64_t>(relation))});
	if (rows.empty())
		return;
	const std::string known = rows.text(0, 0);
	throw pg::Error(sqlstate::feature_not_supported,
					"table " + rows.text(0, 1) + " is managed by Citus",
					"Citus keeps the rows of " + known +
						" in shards. What pg_etl writes into, reads from or erases from the table "
						"of this node would not be what queries see.",
					"SELECT undistribute_table(" + pg::literal(known) +
						"), or let the definition name a table that Citus does not manage.");
}

void
refuse_citus_tables(const Definition &definition)
{
	for (const TableDefinition &table : definition.tables)
		if (const Oid oid = find_table(table))
			refuse_citus_table(oid);
}

} // namespace etl

PG_ETL_ENTRY(etl_refuse_citus_table)
{
	const Oid relation = PG_GETARG_OID(0);
	const pg::Spi spi;
	etl::refuse_citus_table(relation);
	return static_cast<Datum>(0);
}
