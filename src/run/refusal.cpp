#include "run/refusal.h"

#include "pg/spi.h"
#include "run/catalog.h"

namespace etl
{

namespace
{

/// Where a column's value stands in a record; "" for an element's, of which there may be many.
std::string
pointer_to(const Definition &definition, const std::string &column)
{
	for (const TableDefinition &table : definition.tables)
		for (const ColumnDefinition &c : table.columns)
			if (c.name == column && c.source == Source::field)
			{
				std::string pointer;
				for (const std::string &step : c.path)
					append_pointer(pointer, step);
				return pointer;
			}
	return {};
}

/// After which a function's name stands whole in an error's context.
bool
begins_name(const std::string &text, size_t at)
{
	return at == 0 || text[at - 1] == ' ' || text[at - 1] == '.' || text[at - 1] == '\n';
}

} // namespace

const Refusals::Trigger *
Refusals::trigger_of(const pg::PgError &error)
{
	if (error.context_with_values().empty())
		return nullptr;
	if (!triggers_)
	{
		triggers_.emplace();
		std::vector<int64_t> tables;
		for (const TableDefinition &table : definition_.tables)
			if (const Oid oid = find_table(table))
				tables.push_back(static_cast<int64_t>(oid));
		const pg::Rows rows =
			pg::query("SELECT DISTINCT t.tgname::text, c.relname::text, format('%I()', p.proname)"
					  " FROM unnest($1::bigint[]) o(oid)"
					  " CROSS JOIN LATERAL (SELECT o.oid::oid UNION SELECT relid FROM "
					  "pg_partition_tree(o.oid::oid)) r(oid)"
					  " JOIN pg_trigger t ON t.tgrelid = r.oid JOIN pg_class c ON c.oid = r.oid"
					  " JOIN pg_proc p ON p.oid = t.tgfoid"
					  // a partition has its parent's triggers once more
					  " WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'D'",
					  {pg::param_array(tables)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			triggers_->push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2)});
	}
	const Trigger *found = nullptr;
	for (const Trigger &trigger : *triggers_)
	{
		const std::string &context = error.context_with_values();
		const size_t at = context.find(trigger.function);
		if (at == std::string::npos || !begins_name(context, at))
			continue;
		if (found != nullptr)
			return nullptr; // one function for several
		found = &trigger;
	}
	return found;
}

Violation
Refusals::violation(const pg::PgError &error)
{
	const std::string &state = error.sqlstate();
	std::string pointer, place = "(root)";
	std::string by = error.table().empty() ? "target table" : "table \"" + error.table() + "\"";
	std::string what = error.constraint().empty() ? "SQLSTATE " + state
												  : "constraint \"" + error.constraint() + "\"";
	// what the server says about a table itself has the table's name; RAISE has not
	const bool of_table = !error.table().empty();
	if (state == "23502" && of_table && !error.column().empty())
	{
		pointer = pointer_to(definition_, error.column());
		what = "column \"" + error.column() + "\" takes no null";
	}
	else if (state == "23514" && of_table && error.constraint().empty())
		what = "no partition takes it";
	else if (!of_table)
		if (const Trigger *trigger = trigger_of(error))
			by = "trigger \"" + trigger->name + "\" of table \"" + trigger->table + "\"";
	if (!pointer.empty())
		place = pointer;
	return {Code::constraint,
			error.constraint(),
			pointer,
			"",
			state,
			place + ": refused by " + by + ", " + what};
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
