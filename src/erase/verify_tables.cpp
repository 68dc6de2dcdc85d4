#include "erase/verify_tables.h"

#include <algorithm>

#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/table_tree.h"
#include "core/definition/column_path.h"
#include "erase/subject_rows.h"
#include "pg/limits.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Throws `left` where it names any person.
void
raise(NotTreated &&left, const TableDefinition &table)
{
	if (left.subjects.empty())
		return;
	std::sort(left.subjects.begin(), left.subjects.end());
	left.subjects.erase(std::unique(left.subjects.begin(), left.subjects.end()),
						left.subjects.end());
	left.reason = "table " + place_of(table) +
				  " still holds what was to be treated: a trigger, a "
				  "rule or a foreign server keeps the row as it was";
	throw std::move(left);
}

} // namespace

bool
TableVerifier::interferes(Oid relation)
{
	const auto known = interferes_.find(relation);
	if (known != interferes_.end())
		return known->second;
	return interferes_[relation] = may_interfere(relation);
}

std::vector<TableVerifier::ValuesBefore>
TableVerifier::values_before(const std::vector<const Definition *> &definitions)
{
	std::vector<ValuesBefore> before;
	bool any_code = false;
	for (const Definition *definition : definitions)
	{
		if (!finds_people(*definition))
			continue;
		for (const TableDefinition &table : definition->tables)
			if (const Oid relation = find_table(table); OidIsValid(relation))
			{
				before.push_back({definition, &table, {}});
				any_code = interferes(relation) || any_code;
			}
	}
	if (!any_code || before.size() == 1) // TableEraser::erase_table() checks a single one
		return {};
	for (ValuesBefore &values : before)
		values.values = values_of(*values.definition, *values.table, true);
	return before;
}

TableVerifier::OldValues
TableVerifier::values_of(const Definition &definition, const TableDefinition &table, bool to_go)
{
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, table);
	const bool removes = definition.subject->on_erasure == OnErasure::remove;
	return about ? values_at(definition, table, about->from, about->where, people_.texts(),
							 people_.tokens(), to_go && !removes)
				 : OldValues();
}

/// Like values_of(), for the rows of records whose keys are given.
TableVerifier::OldValues
TableVerifier::values_by_key(const Definition &definition, const TableDefinition &table,
							 const pg::Param &subjects, const pg::Param &keys)
{
	const ColumnDefinition &key = *definition.key_column();
	const ColumnDefinition *column = column_taking(table, key.path);
	return column == nullptr
			   ? OldValues()
			   : values_at(definition, table, "unnest($1::text[], $2::text[]) s(subject, key)",
						   "t." + pg::quote(column->name) + " = s.key::" + key.type.sql, subjects,
						   keys, false);
}

TableVerifier::OldValues
TableVerifier::values_at(const Definition &definition, const TableDefinition &table,
						 const std::string &from, const std::string &where, const pg::Param &first,
						 const pg::Param &second, bool to_go)
{
	OldValues values;
	std::string list;
	for (const PersonalColumn &c : present_columns(definition, table, missing_))
		if (c.field == nullptr || c.field->treatment != Treatment::keep)
			list +=
				(list.empty() ? "(" : ", (") + pg::literal(c.column->name) + "::text, t." +
				pg::quote(c.column->name) + "::text, " +
				(to_go ? "(" + treated_expression(c, "t", "s.token") + ")::text)" : "NULL::text)");
	if (list.empty())
		return values;
	pg::TableCursor cursor("SELECT DISTINCT hashtextextended(c.name || ' ' || s.subject, 0) #"
						   " hashtextextended(c.value, 1), s.subject FROM " +
							   from + ", " + quoted(table) + " t, LATERAL (VALUES " + list +
							   ") c(name, value, treated) WHERE " + where +
							   " AND c.value IS NOT NULL AND c.value IS DISTINCT FROM c.treated"
							   // the replacements in columns that are NOT NULL
							   " AND c.value NOT IN ('[erased]', '0', 'false', '0001-01-01')",
						   {first, second});
	cursor.for_each(limits::cursor_rows, [&](const pg::Rows &rows, uint64_t i)
					{ values.emplace(rows.integer(i, 0), rows.text(i, 1)); });
	return values;
}

TableVerifier::RecordKeys
TableVerifier::record_keys(const Definition &definition)
{
	RecordKeys found;
	const TableDefinition &first = definition.tables[0];
	const std::optional<RowsAbout> about = rows_about(erasure_.catalog, definition, first);
	if (!about || definition.key_column() == nullptr)
		return found;
	const std::string key = "t." + pg::quote(definition.key_column()->name);
	pg::TableCursor cursor("SELECT s.subject, " + key + "::text FROM " + about->from + ", " +
							   quoted(first) + " t WHERE " + about->where + " AND " + key +
							   " IS NOT NULL",
						   {people_.texts(), people_.tokens()});
	cursor.for_each(limits::cursor_rows,
					[&](const pg::Rows &rows, uint64_t i)
					{
						found.subjects.push_back(rows.text(i, 0));
						found.keys.push_back(rows.text(i, 1));
					});
	return found;
}

void
TableVerifier::verify(const Definition &definition, const TableDefinition &table,
					  const OldValues &old)
{
	if (old.empty())
		return;
	NotTreated left;
	for (const auto &[value, subject] : values_of(definition, table, false))
		if (old.count(value) > 0)
			left.subjects.push_back(subject);
	raise(std::move(left), table);
}

void
TableVerifier::verify_removal(const Definition &definition, const TableDefinition &table,
							  const OldValues &old, const RecordKeys &records,
							  const pg::Param &awaited)
{
	NotTreated left;
	const std::string query = left_after_removal(erasure_.catalog, definition, table);
	if (query.empty() || records.keys.empty())
	{
		verify(definition, table, old);
		return;
	}
	const auto views = [](const std::vector<std::string> &texts)
	{ return std::vector<std::string_view>(texts.begin(), texts.end()); };
	const pg::Param subjects = pg::param_array(views(records.subjects)),
					keys = pg::param_array(views(records.keys));
	const pg::Rows rows = pg::query_table(query, {subjects, keys, awaited});
	for (uint64_t i = 0; i < rows.size(); ++i)
		left.subjects.push_back(rows.text(i, 0));
	if (!old.empty())
		for (const auto &[value, subject] : values_by_key(definition, table, subjects, keys))
			if (old.count(value) > 0)
				left.subjects.push_back(subject);
	raise(std::move(left), table);
}

} // namespace etl
