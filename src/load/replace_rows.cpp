#include "load/replace_rows.h"

#include "core/definition/definition.h"
#include "core/types/column_type.h"
#include "pg/spi.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Whether table $1 has anything that may refuse a row. $2: columns that are known not to be null.
constexpr char may_refuse_sql[] = R"(
SELECT EXISTS (SELECT FROM pg_class c
                WHERE c.oid = $1 AND (c.relkind <> 'r' OR c.relispartition OR c.relhassubclass))
    OR EXISTS (SELECT FROM pg_constraint c
                WHERE c.conrelid = $1 AND c.contype NOT IN ('p', 'n'))
    OR EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = $1
                  AND (i.indisunique AND NOT i.indisprimary OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
    OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal)
    OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = $1)
    OR EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
                  AND (a.attgenerated <> '' OR a.attnotnull AND a.attname <> ALL ($2::name[])
                       OR (SELECT typtype FROM pg_type t WHERE t.oid = a.atttypid) = 'd')))";

/// The rows in a form that statements can read: FROM etl_staged.
pg::NamedRows
staged_rows(const TableDefinition &table, const std::vector<LoadRow> &rows)
{
	LoadRows source(rows);
	return pg::NamedRows(find_table(table), column_names(table), source);
}

/// The column of etl_staged s with the values of the table's column.
std::string
staged_column(const TableDefinition &table, const ColumnDefinition &column)
{
	return "s.c" + std::to_string(&column - table.columns.data() + 1);
}

std::string
table_column(const ColumnDefinition &column)
{
	return "t." + pg::quote(column.name);
}

/// A condition such as "t.id = s.c1".
std::string
same(const TableDefinition &table, const ColumnDefinition &column)
{
	return table_column(column) + " = " + staged_column(table, column);
}

/// "a = s.c1, b = s.c2" for all columns but `key` and `line`, which may be null.
std::string
assignments(const TableDefinition &table, const ColumnDefinition *key, const ColumnDefinition *line)
{
	std::string list;
	for (const ColumnDefinition &column : table.columns)
		if (&column != key && &column != line)
			list += (list.empty() ? "" : ", ") + pg::quote(column.name) + " = " +
					staged_column(table, column);
	return list;
}

std::string
list_of(const std::vector<std::string> &items)
{
	std::string list;
	for (const std::string &item : items)
		list += (list.empty() ? "" : ", ") + item;
	return list;
}

/// The columns, of the table and of the staged rows, that decide whether a row has changed. The
/// time of the run does not count. Type json has no equality operator, so its text is compared.
struct Compared
{
	std::vector<std::string> table, staged;
};

Compared
compared_columns(const TableDefinition &table)
{
	Compared compared;
	for (const ColumnDefinition &column : table.columns)
	{
		if (column.source == Source::run_time)
			continue;
		const char *const cast = column.type.id == TypeId::json ? "::text" : "";
		compared.table.push_back(table_column(column) + cast);
		compared.staged.push_back(staged_column(table, column) + cast);
	}
	return compared;
}

std::vector<size_t>
positions(const pg::Rows &rows)
{
	std::vector<size_t> found;
	for (uint64_t i = 0; i < rows.size(); ++i)
		found.push_back(static_cast<size_t>(rows.integer(i, 0) - 1));
	return found;
}

/// Positions of keys whose child rows in the table differ from the staged ones: more, fewer, or
/// with other values. For a child table without a column for the line.
std::vector<size_t>
changed_parents(const TableDefinition &child, const ColumnDefinition &key, const pg::Param &keys,
				const pg::NamedRows &staged)
{
	const Compared compared = compared_columns(child);
	std::vector<std::string> names;
	std::string numbered;
	for (size_t i = 0; i < compared.staged.size(); ++i)
	{
		names.push_back("v" + std::to_string(i));
		numbered += (i > 0 ? ", " : "") + std::to_string(i + 2);
	}
	const std::string columns = "(key, " + list_of(names) + ", count)";
	return positions(pg::query_table(
		"WITH there" + columns + " AS (SELECT " + table_column(key) + ", " +
			list_of(compared.table) + ", count(*) FROM unnest($1) k(key) JOIN " + quoted(child) +
			" t ON " + table_column(key) + " = k.key GROUP BY 1, " + numbered + "), wanted" +
			columns + " AS (SELECT " + staged_column(child, key) + ", " + list_of(compared.staged) +
			", count(*) FROM etl_staged s GROUP BY 1, " + numbered +
			"), changed AS ((TABLE there EXCEPT TABLE wanted) UNION ALL"
			" (TABLE wanted EXCEPT TABLE there))"
			" SELECT DISTINCT k.i FROM unnest($1) WITH ORDINALITY k(key, i)"
			" JOIN changed ON changed.key = k.key",
		{keys}, &staged));
}

void
delete_rows_of(const TableDefinition &child, const ColumnDefinition &key, const pg::Param &keys)
{
	pg::execute_table("DELETE FROM " + quoted(child) + " t USING unnest($1) k(key) WHERE " +
						  table_column(key) + " = k.key",
					  {keys});
}

/// By key and line: deletes rows that no longer exist and updates those that have changed. Returns
/// positions of the new staged rows.
std::vector<size_t>
replace_by_line(const TableDefinition &child, const ColumnDefinition &key,
				const ColumnDefinition &line, const pg::Param &keys, const pg::NamedRows &staged)
{
	const std::string match = same(child, key) + " AND " + same(child, line);
	pg::execute_table("DELETE FROM " + quoted(child) + " t USING unnest($1) k(key) WHERE " +
						  table_column(key) +
						  " = k.key AND NOT EXISTS (SELECT FROM etl_staged s WHERE " + match + ")",
					  {keys}, &staged);
	if (const std::string set = assignments(child, &key, &line); !set.empty())
	{
		const Compared compared = compared_columns(child);
		pg::execute_table("UPDATE " + quoted(child) + " t SET " + set +
							  " FROM etl_staged s WHERE " + match + " AND ROW(" +
							  list_of(compared.table) + ") IS DISTINCT FROM ROW(" +
							  list_of(compared.staged) + ")",
						  {}, &staged);
	}
	return positions(pg::query_table("SELECT s.n FROM etl_staged s WHERE NOT EXISTS (SELECT FROM " +
										 quoted(child) + " t WHERE " + match + ") ORDER BY s.n",
									 {}, &staged));
}

/// The condition that row t is from a later partition than row s. "" if the table does not say.
std::string
newer_condition(const TableDefinition &table)
{
	const ColumnDefinition *date = column_from(table, Source::record_date);
	const ColumnDefinition *hour = column_from(table, Source::record_hour);
	if (date == nullptr)
		return {};
	std::string ours = table_column(*date), theirs = staged_column(table, *date);
	if (hour != nullptr)
	{
		ours += ", " + table_column(*hour);
		theirs += ", " + staged_column(table, *hour);
	}
	return "(" + ours + ") > (" + theirs + ")";
}

} // namespace

bool
may_refuse_rows(const Definition &definition)
{
	for (const TableDefinition &table : definition.tables)
	{
		std::vector<std::string_view> not_null(table.primary_key.begin(), table.primary_key.end());
		for (const ColumnDefinition &column : table.columns)
			if (column.not_null)
				not_null.push_back(column.name);
		if (pg::query(may_refuse_sql, {pg::param(static_cast<int64_t>(find_table(table))),
									   pg::param_array(not_null)})
				.boolean(0, 0))
			return true;
	}
	return false;
}

std::vector<size_t>
unmarked_rows(const Definition &definition, const std::vector<LoadRow> &rows)
{
	const TableDefinition &table = definition.tables[0];
	const pg::NamedRows staged = staged_rows(table, rows);
	return positions(pg::query_table(
		"SELECT DISTINCT s.n FROM " + quoted(table) + " t, etl_staged s WHERE " +
			same(table, *definition.key_column()) + " AND (" +
			table_column(*column_from(table, Source::record_date)) + " IS NULL OR " +
			table_column(*column_from(table, Source::record_hour)) + " IS NULL) ORDER BY s.n",
		{}, &staged));
}

ReplacedRows
replace_rows(const Definition &definition, const std::vector<LoadRow> &rows)
{
	const TableDefinition &table = definition.tables[0];
	const ColumnDefinition &key = *definition.key_column();
	const std::string newer = newer_condition(table);
	const std::string unless_newer = newer.empty() ? "" : " AND (" + newer + ") IS NOT TRUE";
	const std::string set = assignments(table, &key, nullptr);
	const std::string match = same(table, key);
	const pg::NamedRows staged = staged_rows(table, rows);
	ReplacedRows replaced;
	// which rows were replaced matters only if there are child tables
	if (definition.tables.size() == 1 && !set.empty())
	{
		const uint64_t count =
			pg::execute_table("UPDATE " + quoted(table) + " t SET " + set +
								  " FROM etl_staged s WHERE " + match + unless_newer,
							  {}, &staged);
		replaced.accounted = count;
		if (count >= rows.size())
			return replaced;
	}
	else
	{
		replaced.done.resize(rows.size());
		const std::string statement =
			set.empty() ? "SELECT s.n FROM " + quoted(table) + " t, etl_staged s WHERE " + match
						: "UPDATE " + quoted(table) + " t SET " + set +
							  " FROM etl_staged s WHERE " + match + unless_newer + " RETURNING s.n";
		const std::vector<size_t> done = positions(pg::query_table(statement, {}, &staged));
		for (const size_t i : done)
			replaced.done[i] = true;
		replaced.accounted = done.size();
		if (done.size() >= rows.size())
			return replaced;
	}
	const pg::Rows untouched = pg::query_table(
		"SELECT s.n, t.found IS NULL FROM etl_staged s LEFT JOIN LATERAL (SELECT true AS found" +
			(newer.empty() ? std::string() : ", " + newer + " AS newer") + " FROM " +
			quoted(table) + " t WHERE " + match + " LIMIT 1) t ON true WHERE " +
			(newer.empty() ? "" : "t.newer OR ") + "t.found IS NULL ORDER BY s.n",
		{}, &staged);
	for (uint64_t i = 0; i < untouched.size(); ++i)
		// another session has deleted the row since its key was looked up
		if (untouched.boolean(i, 1))
			replaced.missing.push_back(static_cast<size_t>(untouched.integer(i, 0) - 1));
	replaced.accounted += untouched.size();
	return replaced;
}

std::vector<LoadRow>
replace_child_rows(const Definition &definition, const TableDefinition &child,
				   const std::vector<std::string_view> &keys, const std::vector<LoadRow> &rows,
				   bool anew)
{
	const ColumnDefinition &parent_key = (*definition.key_column());
	const ColumnDefinition *key = nullptr;
	for (const ColumnDefinition &column : child.columns)
		if (column.source == Source::field && column.path == parent_key.path)
			key = &column;
	if (key == nullptr)
		return rows;
	const auto encoded = [&](const std::vector<std::string_view> &some)
	{ return pg::param_array(type_oid(parent_key.type), some); };
	if (anew)
	{
		delete_rows_of(child, *key, encoded(keys));
		return rows;
	}
	const ColumnDefinition *line = column_from(child, Source::line);
	std::vector<LoadRow> fresh;
	if (line != nullptr)
	{
		for (const size_t i :
			 replace_by_line(child, *key, *line, encoded(keys), staged_rows(child, rows)))
			fresh.push_back(rows[i]);
		return fresh;
	}
	const std::vector<size_t> changed =
		changed_parents(child, *key, encoded(keys), staged_rows(child, rows));
	std::vector<std::string_view> changed_keys;
	std::vector<bool> is_changed(keys.size());
	for (const size_t i : changed)
	{
		changed_keys.push_back(keys[i]);
		is_changed[i] = true;
	}
	if (changed.empty())
		return fresh;
	delete_rows_of(child, *key, encoded(changed_keys));
	for (const LoadRow &row : rows)
		if (is_changed[row.record])
			fresh.push_back(row);
	return fresh;
}

} // namespace etl
