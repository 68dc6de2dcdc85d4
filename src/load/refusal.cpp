#include "load/refusal.h"

#include <algorithm>

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/json/pointer.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// A relation by its names, and which of the target tables it or one of its parents is.
constexpr char table_sql[] = R"(
WITH RECURSIVE above(relid) AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
    UNION
    SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.relid)
SELECT c.oid::bigint,
       (SELECT t.n FROM unnest($3::bigint[]) WITH ORDINALITY t(oid, n) JOIN above ON above.relid = t.oid::oid ORDER BY t.n LIMIT 1)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2)";

/// The partition key columns of a table, or of the table that it is a partition of.
constexpr char partition_columns_sql[] = R"(
SELECT a.attname::text
  FROM pg_catalog.pg_partitioned_table p
  JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::smallint[])
 WHERE p.partrelid = coalesce((SELECT q.partrelid FROM pg_catalog.pg_partitioned_table q WHERE q.partrelid = $1::oid),
                              (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = $1::oid LIMIT 1))
 ORDER BY a.attnum)";

/// Whether names are those of a column and of a constraint or an index of a table, or whether the
/// second name is a literal in some code.
constexpr char names_sql[] = R"(
SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped),
       EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1::oid AND c.conname = $3)
       OR EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = $1::oid AND x.relname = $3)
       OR pg_catalog.strpos($4, pg_catalog.quote_literal($3)) > 0)";

/// The columns of a constraint or an index of a table, including those in its expressions. For a
/// foreign key that refers to a target table, the columns that it refers to.
constexpr char constraint_sql[] = R"(
WITH named AS (
    SELECT conrelid AS relid, unnest(conkey) AS num FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND conname = $2 AND NOT $3
    UNION SELECT confrelid, unnest(confkey) FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND conname = $2 AND $3 AND confrelid <> 0
    UNION SELECT d.refobjid, d.refobjsubid::smallint
      FROM pg_catalog.pg_class x JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid AND i.indrelid = $1::oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = x.oid
       AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0
     WHERE x.relname = $2 AND NOT $3
    UNION SELECT i.indrelid, unnest(i.indkey::smallint[]) FROM pg_catalog.pg_class x
      JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid AND i.indrelid = $1::oid WHERE x.relname = $2 AND NOT $3)
SELECT a.attname::text FROM named JOIN pg_catalog.pg_attribute a ON a.attrelid = named.relid AND a.attnum = named.num AND a.attnum > 0
 ORDER BY a.attnum)";

/// The columns of target tables whose type is a domain, or a type that is made from it.
constexpr char domain_sql[] = R"(
WITH RECURSIVE made(typid) AS (
    SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE n.nspname = $1 AND t.typname = $2 AND t.typtype = 'd'
    UNION
    SELECT t.oid FROM pg_catalog.pg_type t JOIN made ON t.typbasetype = made.typid OR t.typelem = made.typid)
SELECT t.n - 1, a.attname::text
  FROM unnest($3::bigint[]) WITH ORDINALITY t(oid, n)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid::oid AND a.attnum > 0 AND a.atttypid IN (SELECT typid FROM made)
 ORDER BY 1, a.attnum)";

constexpr char domain_constraint_sql[] = R"(
SELECT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                WHERE n.nspname = $1 AND t.typname = $2 AND t.typtype = 'd'),
       EXISTS (SELECT FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_type t ON t.oid = c.contypid
                JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typname = $2 AND c.conname = $3))";

constexpr char triggers_sql[] = R"(
SELECT DISTINCT t.tgname::text, c.relname::text, pg_catalog.format('%I()', p.proname), coalesce(p.prosrc, ''), o.n - 1
  FROM unnest($1::bigint[]) WITH ORDINALITY o(oid, n)
 CROSS JOIN LATERAL (SELECT o.oid::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(o.oid::oid)) r(oid)
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid JOIN pg_catalog.pg_class c ON c.oid = r.oid
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 -- a partition has its parent's triggers once more
 WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'D')";

/// The pointer of a column's value in a record. "" if the value is not a field of the record. For
/// the elements of an array, the pointer of the array, because the table does not say which element
/// it was.
std::string
pointer_to(const TableDefinition &table, const std::string &column)
{
	const auto found = std::find_if(table.columns.begin(), table.columns.end(),
									[&](const ColumnDefinition &c) { return c.name == column; });
	std::string pointer;
	if (found == table.columns.end() ||
		(found->source != Source::field && found->source != Source::element))
		return pointer;
	for (const std::string &step : found->source == Source::field ? found->path : table.each)
	{
		if (found->source == Source::element && step == "*")
			break;
		append_pointer(pointer, step);
	}
	return pointer;
}

std::string
in_quotes(const std::string &name)
{
	return "\"" + name + "\"";
}

/// "column "a"" or "columns "a" and "b"".
std::string
list_of(const std::vector<std::string> &columns)
{
	std::string text = columns.size() == 1 ? "column " : "columns ";
	for (size_t i = 0; i < columns.size(); ++i)
		text += (i == 0 ? "" : i + 1 < columns.size() ? ", " : " and ") + in_quotes(columns[i]);
	return text;
}

/// Whether a function's name may begin at this position of an error's context.
bool
begins_name(const std::string &text, size_t at)
{
	return at == 0 || text[at - 1] == ' ' || text[at - 1] == '.' || text[at - 1] == '\n';
}

} // namespace

std::vector<int64_t>
Refusals::target_oids() const
{
	std::vector<int64_t> oids;
	for (const TableDefinition &table : definition_.tables)
		oids.push_back(static_cast<int64_t>(find_table(table)));
	return oids;
}

void
Refusals::read_triggers()
{
	triggers_.emplace();
	const pg::Rows rows = pg::query(triggers_sql, {pg::param_array(target_oids())});
	for (uint64_t i = 0; i < rows.size(); ++i)
		triggers_->push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3),
							  static_cast<int>(rows.integer(i, 4))});
}

const Refusals::Trigger *
Refusals::trigger_of(const pg::PgError &error)
{
	if (error.context_with_values().empty())
		return nullptr;
	if (!triggers_)
		read_triggers();
	const Trigger *found = nullptr;
	for (const Trigger &trigger : *triggers_)
	{
		const std::string &context = error.context_with_values();
		const size_t at = context.find(trigger.function);
		if (at == std::string::npos || !begins_name(context, at))
			continue;
		if (found != nullptr)
			return nullptr; // several triggers have this function
		found = &trigger;
	}
	return found;
}

/// The server's errors about a table have the names of the table and its schema.
void
Refusals::place_in_table(const pg::PgError &error, Place &place)
{
	const pg::Rows table =
		pg::query(table_sql, {pg::param(error.schema()), pg::param(error.table()),
							  pg::param_array(target_oids())});
	if (table.empty())
		return;
	place.of_table = true;
	place.by = "table " + in_quotes(error.table());
	if (!table.is_null(0, 1))
		place.target = static_cast<int>(table.integer(0, 1)) - 1;
	const pg::Param oid = pg::param(table.integer(0, 0));
	const pg::Rows known = pg::query(
		names_sql, {oid, pg::param(error.column()), pg::param(error.constraint()), pg::param("")});
	const auto add_columns = [&](const pg::Rows &columns)
	{
		for (uint64_t i = 0; i < columns.size(); ++i)
			place.columns.push_back(columns.text(i, 0));
	};
	if (known.boolean(0, 1))
	{
		place.rule = error.constraint();
		place.what = "constraint " + in_quotes(place.rule);
		add_columns(
			pg::query(constraint_sql, {oid, pg::param(place.rule), pg::param(place.target < 0)}));
	}
	else if (error.sqlstate() == sqlstate::not_null_violation && known.boolean(0, 0))
	{
		place.columns = {error.column()};
		place.what = "column " + in_quotes(error.column()) + " takes no null";
	}
	else if (error.sqlstate() == sqlstate::check_violation && error.constraint().empty())
	{
		add_columns(pg::query(partition_columns_sql, {oid}));
		place.what = "no partition takes it";
	}
}

constexpr char no_null[] = "it takes no null";

/// For a value that a domain refuses. The column is known if only one has the domain.
void
Refusals::place_in_domain(const pg::PgError &error, Place &place)
{
	const pg::Param schema = pg::param(error.schema()), name = pg::param(error.datatype());
	const pg::Rows known =
		pg::query(domain_constraint_sql, {schema, name, pg::param(error.constraint())});
	if (!known.boolean(0, 0))
		return;
	place.by = "domain " + in_quotes(error.datatype());
	if (known.boolean(0, 1))
	{
		place.rule = error.constraint();
		place.what = "constraint " + in_quotes(place.rule);
	}
	else if (error.sqlstate() == sqlstate::not_null_violation)
		place.what = no_null;
	const pg::Rows columns = pg::query(domain_sql, {schema, name, pg::param_array(target_oids())});
	for (uint64_t i = 0; i < columns.size(); ++i)
	{
		place.target = static_cast<int>(columns.integer(i, 0));
		place.columns.push_back(columns.text(i, 1));
	}
	// if several columns have the domain, the column is not known
	if (place.columns.size() > 1)
		place.columns.clear();
	else if (place.what == no_null && !place.columns.empty())
		place.what = "column " + in_quotes(place.columns[0]) + " takes no null";
}

/// The error of a trigger has names that the trigger has chosen.
void
Refusals::place_in_trigger(const pg::PgError &error, Place &place)
{
	const Trigger *const trigger = trigger_of(error);
	if (trigger == nullptr)
		return;
	place.by = "trigger " + in_quotes(trigger->name) + " of table " + in_quotes(trigger->table);
	place.rule = trigger->name;
	place.target = trigger->target;
	const pg::Rows known =
		pg::query(names_sql, {pg::param(target_oids()[static_cast<size_t>(trigger->target)]),
							  pg::param(error.column()), pg::param(error.constraint()),
							  pg::param(trigger->source)});
	if (!error.column().empty() && known.boolean(0, 0))
		place.columns = {error.column()};
	if (!error.constraint().empty() && known.boolean(0, 1))
	{
		place.rule = error.constraint();
		place.what = "constraint " + in_quotes(place.rule);
	}
}

Refusals::Place
Refusals::place_of(const pg::PgError &error)
{
	const std::vector<std::string> names = {error.sqlstate(), error.schema(),     error.table(),
											error.column(),   error.constraint(), error.datatype()};
	// errors that code has raised are recognised by their context, which may contain values
	const bool by_names = !error.table().empty() || !error.datatype().empty();
	if (by_names)
		if (const auto found = known_.find(names); found != known_.end())
			return found->second;
	Place place;
	place.by = "target table";
	if (!error.table().empty())
		place_in_table(error, place);
	else if (!error.datatype().empty())
		place_in_domain(error, place);
	if (!place.of_table && place.by == "target table")
		place_in_trigger(error, place);
	if (place.what.empty())
		place.what = "SQLSTATE " + error.sqlstate();
	if (by_names)
		known_.emplace(names, place);
	return place;
}

Violation
Refusals::violation(const pg::PgError &error)
{
	const Place place = place_of(error);
	std::string pointer;
	if (place.target >= 0 && place.columns.size() == 1)
		pointer =
			pointer_to(definition_.tables[static_cast<size_t>(place.target)], place.columns[0]);
	std::string message =
		(pointer.empty() ? "(root)" : pointer) + ": refused by " + place.by + ", " + place.what;
	// name the columns if the pointer does not
	if (pointer.empty() && !place.columns.empty() &&
		error.sqlstate() != sqlstate::not_null_violation)
		message += " of " + list_of(place.columns);
	return {Code::constraint, place.rule, pointer, "", error.sqlstate(), message};
}

void
Refusals::raise(const pg::PgError &error)
{
	if (error.words_left_out())
		if (const Trigger *trigger = trigger_of(error))
			throw pg::Error(error.sqlstate(),
							"trigger \"" + trigger->name + "\" of table \"" + trigger->table +
								"\" has raised SQLSTATE " + error.sqlstate(),
							error.detail());
	throw error;
}

} // namespace etl
