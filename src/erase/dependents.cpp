#include "erase/dependents.h"

#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "pg/catalog_owner.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// $1: the tables where a person was found; $2: all tables of definitions. For a view, the result
/// names the tables below it, also through other views.
constexpr char dependents_sql[] = R"(
WITH RECURSIVE ancestor(root, oid) AS (
	SELECT t, t FROM unnest($1::bigint[]::oid[]) t
	UNION
	SELECT a.root, i.inhparent FROM ancestor a JOIN pg_inherits i ON i.inhrelid = a.oid),
seen(root, oid) AS (
	SELECT root, oid FROM ancestor
	UNION
	SELECT s.root, w.ev_class
	  FROM seen s
	  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
	   AND d.classid = 'pg_rewrite'::regclass
	  JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class <> s.oid
	  JOIN pg_class c ON c.oid = w.ev_class AND c.relkind IN ('v', 'm')),
dependent(oid, root, kind) AS (
	SELECT s.oid, s.root, c.relkind::text
	  FROM seen s JOIN pg_class c ON c.oid = s.oid WHERE c.relkind IN ('v', 'm')
	UNION
	SELECT k.conrelid, a.root, 'r'
	  FROM ancestor a JOIN pg_constraint k ON k.confrelid = a.oid AND k.contype = 'f'
	 WHERE k.conparentid = 0 AND k.conrelid <> ALL ($2::bigint[]::oid[]))
SELECT format('%I.%I', n.nspname, c.relname), d.kind,
       string_agg(DISTINCT format('%I.%I', rn.nspname, r.relname), ', ')
  FROM dependent d
  JOIN pg_class c ON c.oid = d.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class r ON r.oid = d.root JOIN pg_namespace rn ON rn.oid = r.relnamespace
 WHERE d.oid <> ALL ($2::bigint[]::oid[])
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = d.oid
                      AND e.deptype = 'e')
 GROUP BY 1, 2 ORDER BY 1)";

constexpr char names_of_materialized_views_sql[] = R"(
SELECT format('%I.%I', n.nspname, c.relname)
  FROM etl_internal.materialized_views(ARRAY(SELECT unnest($1::bigint[])::oid)) v
  JOIN pg_class c ON c.oid = v.view
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1)";

} // namespace

void
add_dependents(const Catalog &catalog, const std::string &dataset, ErasureReport &report)
{
	std::set<std::string> found;
	for (const ErasedPlace &place : report.places)
		if (place.kind == "table")
			found.insert(place.place);
	if (found.empty())
		return;
	std::vector<int64_t> roots, own;
	for (const auto &[name, definition] : catalog.all())
		for (const TableDefinition &table : definition.tables)
			if (const Oid oid = find_table(table); oid != InvalidOid)
			{
				own.push_back(oid);
				if (definition.subject && definition.subject->dataset == dataset &&
					found.count(table.schema + "." + table.name) > 0)
					roots.push_back(oid);
			}
	const pg::Rows rows = pg::query(dependents_sql, {pg::param_array(roots), pg::param_array(own)});
	std::set<std::string> told;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::string kind = rows.text(i, 1), of = rows.text(i, 2);
		report.unreached.emplace_back(
			rows.text(i, 0),
			kind == "m" ? "a materialized view of " + of +
							  ": it keeps what it held until REFRESH MATERIALIZED VIEW, which "
							  "etl_erasure_purge() names"
			: kind == "v" ? "a view of " + of + ": it shows what is there now"
						  : "a table of no dataset that refers to " + of +
								": what it holds about the person is not known");
		told.insert(rows.text(i, 0));
	}
	const AsCatalogOwner owner;
	const pg::Rows views = pg::query(names_of_materialized_views_sql, {pg::param_array(roots)});
	for (uint64_t i = 0; i < views.size(); ++i)
		if (told.count(views.text(i, 0)) == 0)
			report.unreached.emplace_back(
				views.text(i, 0), "a materialized view that reads through functions: it may "
								  "hold the person until REFRESH MATERIALIZED VIEW, which "
								  "etl_erasure_purge() names");
}

} // namespace etl
