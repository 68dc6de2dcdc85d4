// The part of a search that SQL can do with the privileges of the caller, row by row.
#include "locate/locate_rows.h"

#include <set>

#include "core/search/needle.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"

#include "catalog/citus.h"
#include "catalog/definitions.h"
#include "catalog/table_tree.h"
#include "erase/personal_relations.h"
#include "pg/catalog_owner.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Separates columns, so that no match can span two columns.
constexpr const char *separator = "E'\\x1f'";

// The tables of the extension, and the relations behind a definition's table.
constexpr char member_tables_sql[] = R"(
SELECT c.oid::bigint, c.relname::text
  FROM pg_class c
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
       AND d.deptype = 'e'
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'pg_etl' AND c.relkind IN ('r', 'p', 'm')
 ORDER BY c.relname)";

constexpr char table_facts_sql[] = R"(
SELECT format('%I.%I', n.nspname, c.relname), has_table_privilege(c.oid, 'SELECT'),
       row_security_active(c.oid),
       -- a cast of somebody's own type to text is a function of theirs, its output function is not
       (SELECT string_agg(format(CASE WHEN a.atttypid < 16384 THEN '%I::text'
                                      ELSE 'concat_ws('''', %I)' END,
                                 a.attname),
                          ', ' ORDER BY a.attnum)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid <> 'bytea'::regtype),
       (SELECT string_agg(format(', %I', a.attname), '' ORDER BY a.attnum)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid = 'bytea'::regtype),
       (SELECT count(*)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.atttypid = 'bytea'::regtype)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = $1::oid)";

constexpr char statistics_sql[] = R"(
SELECT format('pg_stats of %I.%I (%I)', schemaname, tablename, attname),
       concat_ws(E'\x1f', most_common_vals::text, histogram_bounds::text, most_common_elems::text)
  FROM pg_stats
 UNION ALL
SELECT format('pg_stats_ext of %I.%I (%I)', schemaname, tablename, statistics_name),
       most_common_vals::text
  FROM pg_stats_ext
 UNION ALL
SELECT format('pg_stats_ext_exprs of %I.%I (%I)', schemaname, tablename, statistics_name),
       concat_ws(E'\x1f', most_common_vals::text, histogram_bounds::text, most_common_elems::text)
  FROM pg_stats_ext_exprs)";

constexpr char statements_view_sql[] = R"(
SELECT format('%I.pg_stat_statements', n.nspname), pg_has_role('pg_read_all_stats', 'USAGE')
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements')";

/// Calls visit(rows) for the rows of a query, some at a time.
template <typename Visit>
void
for_rows(const std::string &sql, Visit &&visit)
{
	const Portal portal = pg::call_spi(
		[&]
		{
			SPIParseOpenOptions options = {};
			options.cursorOptions = CURSOR_OPT_NO_SCROLL;
			options.read_only = true;
			return SPI_cursor_parse_open(nullptr, sql.c_str(), &options);
		});
	for (;;)
	{
		pg::check_for_interrupts();
		pg::call_spi([&] { SPI_cursor_fetch(portal, true, limits::searched_rows); });
		const pg::Rows rows(SPI_tuptable, SPI_processed);
		if (rows.empty())
			break;
		visit(rows);
	}
	pg::call([&] { SPI_cursor_close(portal); });
}

/// Runs `f`. An error becomes a line about what was not searched. The message of the error is left
/// out, because it may contain data.
template <typename F>
void
guarded(const std::string &what, Located &located, F &&f)
{
	if (const auto error = pg::subtransaction(f))
		located.unsearched.push_back(what + ": could not be read (SQLSTATE " + error->sqlstate() +
									 ")");
}

void
locate_table(Oid table, const char *kind, const Needle &needle, Located &located)
{
	const pg::Rows facts = pg::query(table_facts_sql, {pg::param(static_cast<int64_t>(table))});
	if (facts.empty())
		return;
	const std::string name = facts.text(0, 0);
	if (!facts.boolean(0, 1))
	{
		located.unsearched.push_back(name + ": you have no SELECT privilege");
		return;
	}
	if (facts.boolean(0, 2))
		located.unsearched.push_back(name + ": row-level security shows you some rows only");
	const int binary = static_cast<int>(facts.integer(0, 5));
	const std::string columns = facts.text(0, 3);
	const std::string sql = "SELECT array_to_string(ARRAY[" + columns + "]::text[], " + separator +
							")" + facts.text(0, 4) + " FROM " + name;
	uint64_t count = 0;
	guarded(name, located,
			[&]
			{
				pg::TableCursor cursor(sql);
				cursor.for_each(limits::searched_rows,
								[&](const pg::Rows &rows, uint64_t i)
								{
									count += needle.count(rows.text(i, 0));
									for (int b = 1; b <= binary; ++b)
										if (!rows.is_null(i, b))
											count += needle.count(rows.bytes(i, b));
								});
			});
	located.add(name, kind, count);
	located.alive = located.alive || count > 0;
}

constexpr char populated_materialized_views_sql[] = R"(
SELECT v.view::bigint
  FROM etl_internal.materialized_views(ARRAY(SELECT unnest($1::bigint[])::oid)) v
  JOIN pg_class c ON c.oid = v.view
 WHERE c.relispopulated
 ORDER BY 1)";

/// Materialized views that may contain copies of the relations.
std::vector<Oid>
materialized_views(const std::set<Oid> &relations)
{
	const AsCatalogOwner owner;
	const pg::Rows rows =
		pg::query(populated_materialized_views_sql,
				  {pg::param_array(std::vector<int64_t>(relations.begin(), relations.end()))});
	std::vector<Oid> views;
	for (uint64_t i = 0; i < rows.size(); ++i)
		views.push_back(static_cast<Oid>(rows.integer(i, 0)));
	return views;
}

} // namespace

void
locate_rows(const Needle &needle, Located &located)
{
	const Catalog catalog = Catalog::load();
	std::set<Oid> done;
	for (const auto &[dataset, definition] : catalog.all())
		refuse_citus_tables(definition);
	for (const auto &[dataset, definition] : catalog.all())
		for (const TableDefinition &table : definition.tables)
			if (const Oid oid = find_table(table); oid != InvalidOid && done.insert(oid).second)
				locate_table(oid, "table", needle, located);
	// former target tables and their former partitions, and materialized views of all these tables
	for (const Oid oid : former_relations(catalog))
		if (done.insert(oid).second)
			locate_table(oid, "table", needle, located);
	for (const Oid oid : materialized_views(done))
		if (done.insert(oid).second)
			locate_table(oid, "table", needle, located);
	const pg::Rows members = pg::query(member_tables_sql);
	for (uint64_t i = 0; i < members.size(); ++i)
		if (const Oid oid = static_cast<Oid>(members.integer(i, 0)); done.insert(oid).second)
			locate_table(oid, members.text(i, 1) == "quarantine" ? "quarantine" : "catalog", needle,
						 located);

	const pg::Rows behind =
		pg::query("SELECT oid::bigint FROM (" + std::string(relations_behind_sql) + ") b",
				  {pg::param_array(std::vector<int64_t>(done.begin(), done.end()))});
	for (uint64_t i = 0; i < behind.size(); ++i)
		located.searched.insert(static_cast<uint32_t>(behind.integer(i, 0)));

	const auto search = [&](const std::string &sql, const char *kind)
	{
		for_rows(sql,
				 [&](const pg::Rows &rows)
				 {
					 for (uint64_t i = 0; i < rows.size(); ++i)
						 if (!rows.is_null(i, 1))
							 located.add(rows.text(i, 0), kind, needle.count(rows.text(i, 1)));
				 });
	};
	guarded("planner statistics", located, [&] { search(statistics_sql, "statistics"); });

	const pg::Rows view = pg::query(statements_view_sql);
	if (!view.empty())
	{
		if (!view.boolean(0, 1))
			located.unsearched.push_back(
				"pg_stat_statements: other roles' statements need pg_read_all_stats");
		// fails if the library is not preloaded
		guarded("pg_stat_statements", located,
				[&] {
					search("SELECT 'pg_stat_statements', query FROM " + view.text(0, 0),
						   "statements");
				});
	}
}

} // namespace etl
