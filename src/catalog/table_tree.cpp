#include "catalog/table_tree.h"

#include "core/base/sqlstate.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "pg/table_statement.h"

extern "C"
{
#include "utils/rls.h"
}

namespace etl
{

namespace
{

pg::Param
oids(const std::vector<Oid> &relations)
{
	return pg::param_array(std::vector<int64_t>(relations.begin(), relations.end()));
}

} // namespace

std::vector<std::pair<std::string, std::string>>
foreign_places(const std::vector<Oid> &relations)
{
	std::vector<std::pair<std::string, std::string>> places;
	const pg::Rows rows = pg::query(
		"SELECT format('%I.%I', n.nspname, c.relname), s.srvname::text FROM (" +
			std::string(relations_behind_sql) +
			") b"
			" JOIN pg_class c ON c.oid = b.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
			" JOIN pg_foreign_table f ON f.ftrelid = c.oid"
			" JOIN pg_foreign_server s ON s.oid = f.ftserver ORDER BY 1",
		{oids(relations)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		places.emplace_back(rows.text(i, 0),
							"its rows lie on foreign server \"" + rows.text(i, 1) +
								"\": old row versions, statistics, logs and copies there are "
								"neither searched nor purged by this database");
	return places;
}

constexpr char relations_under_view_sql[] = R"(
WITH RECURSIVE seen (oid, reader, name)
     AS (SELECT c.oid, CASE WHEN $2 THEN c.relowner ELSE 0::oid END,
                format('%I.%I', n.nspname, c.relname)
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = $1::oid
          UNION
         SELECT b.oid,
                CASE WHEN v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on',
                          'security_invoker=1', 'security_invoker=yes']
                     THEN s.reader
                     ELSE v.relowner END,
                format('%I.%I', n.nspname, b.relname)
           FROM seen s
           JOIN pg_class v ON v.oid = s.oid AND v.relkind = 'v'
           JOIN pg_rewrite w ON w.ev_class = v.oid AND w.rulename = '_RETURN'
           JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
           JOIN pg_class b ON b.oid = d.refobjid
           JOIN pg_namespace n ON n.oid = b.relnamespace)
SELECT oid::bigint, reader::bigint, name
  FROM seen)";

void
require_every_row(const TableDefinition &table, Oid relation)
{
	// Whose policies apply: those for the owner if the owner runs the statements (because the
	// current user has more rights), unless the table keeps the privileges of the current user.
	const bool as_owner = !pg::keeps_callers_privileges(relation) &&
						  pg::runs_as_owner("SELECT 1 FROM " + quoted(table));
	// a view reads its tables as its owner, unless it has security_invoker
	const pg::Rows rows = pg::query(
		relations_under_view_sql, {pg::param(static_cast<int64_t>(relation)), pg::param(as_owner)});
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const Oid oid = static_cast<Oid>(rows.integer(i, 0));
		const Oid reader = static_cast<Oid>(rows.integer(i, 1));
		if (pg::call([=] { return check_enable_rls(oid, reader, true) == RLS_ENABLED; }))
			throw pg::Error(sqlstate::insufficient_privilege,
							"row-level security of table " + rows.text(i, 2) + " is in the way",
							oid == relation
								? "An erasure must see and change every row of the table."
								: "An erasure must see every row of " + quoted(table) +
									  ", which selects from it.",
							"Run as the table's owner, or as a role with BYPASSRLS.");
	}
}

constexpr char read_column_types_sql[] = R"(
SELECT attname::text, format_type(atttypid, atttypmod)
  FROM pg_attribute
 WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped)";

std::map<std::string, std::string>
column_types(Oid relation)
{
	const pg::Rows rows =
		pg::query(read_column_types_sql, {pg::param(static_cast<int64_t>(relation))});
	std::map<std::string, std::string> columns;
	for (uint64_t i = 0; i < rows.size(); ++i)
		columns[rows.text(i, 0)] = rows.text(i, 1);
	return columns;
}

bool
may_interfere(Oid relation)
{
	return !pg::query("SELECT 1 FROM (" + std::string(relations_behind_sql) +
						  ") b JOIN pg_class c ON c.oid = b.oid"
						  " WHERE c.relkind IN ('v', 'f')"
						  " OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid"
						  "  AND NOT t.tgisinternal AND t.tgenabled <> 'D')"
						  " OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid"
						  "  AND w.ev_type <> '1') LIMIT 1",
					  {oids({relation})})
				.empty();
}

std::vector<std::pair<std::string, std::string>>
trigger_remarks(Oid relation)
{
	std::vector<std::pair<std::string, std::string>> remarks;
	const pg::Rows rows = pg::query(
		"SELECT format('%I.%I', n.nspname, c.relname), x.kind, x.name FROM (" +
			std::string(relations_behind_sql) +
			") b JOIN pg_class c ON c.oid = b.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
			" CROSS JOIN LATERAL (SELECT 'trigger' AS kind, t.tgname::text AS name"
			"  FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal"
			"  AND t.tgenabled <> 'D' AND t.tgparentid = 0"
			// triggers for each row at UPDATE or DELETE, or with the rows as a transition table
			"  AND t.tgtype & 24 <> 0 AND (t.tgtype & 1 <> 0 OR t.tgoldtable IS NOT NULL"
			"   OR t.tgnewtable IS NOT NULL)"
			"  UNION ALL SELECT 'rule', w.rulename::text FROM pg_rewrite w"
			"  WHERE w.ev_class = c.oid AND w.ev_type IN ('2', '4')) x ORDER BY 1, 2, 3",
		{oids({relation})});
	for (uint64_t i = 0; i < rows.size(); ++i)
		remarks.emplace_back(rows.text(i, 0), rows.text(i, 1) + " \"" + rows.text(i, 2) +
												  "\" runs when its rows are erased and may copy "
												  "them elsewhere; etl_locate finds copies");
	return remarks;
}

constexpr char has_loaded_records_sql[] = R"(
SELECT 1 FROM etl.file WHERE dataset = $1 AND loaded > 0 LIMIT 1)";

bool
has_loaded(const std::string &dataset)
{
	return !pg::query(has_loaded_records_sql, {pg::param(dataset)}).empty();
}

} // namespace etl
