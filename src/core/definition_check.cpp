#include "core/definition_check.h"

#include <algorithm>
#include <set>

namespace etl
{

namespace
{

[[noreturn]] void
refuse(const std::string &place, const std::string &message, const std::string &hint = {})
{
	throw DefinitionError("/x-etl" + place, message, hint);
}

std::string
at(const char *list, size_t index)
{
	return std::string("/") + list + "/" + std::to_string(index);
}

/// <32 hex digits>@erased.invalid
constexpr size_t token_length = 32 + sizeof("@erased.invalid") - 1;

bool
is_one_of(TypeId type, std::initializer_list<TypeId> types)
{
	return std::find(types.begin(), types.end(), type) != types.end();
}

bool
takes_integers(const ColumnType &type)
{
	return is_one_of(type.id, {TypeId::smallint, TypeId::integer, TypeId::bigint});
}

bool
takes_run_time(const ColumnType &type)
{
	return is_one_of(type.id, {TypeId::timestamp, TypeId::timestamptz, TypeId::text});
}

bool
has_wildcard(const Path &path)
{
	return std::find(path.begin(), path.end(), "*") != path.end();
}

void
check_column(const TableDefinition &table, const ColumnDefinition &column, const std::string &place)
{
	const std::string type = place + "/type";
	switch (column.source)
	{
		case Source::field:
			if (has_wildcard(column.path))
				refuse(place + "/from", "a column takes one value of the record, not \"*\"",
					   "Load the elements of an array into a table of their own with \"each\".");
			break;
		case Source::element:
			if (!table.is_child)
				refuse(place + "/from", "\"./…\" is a field of an element, and the table has no \"each\"");
			if (has_wildcard(column.path))
				refuse(place + "/from", "a column takes one value of the element, not \"*\"");
			break;
		case Source::line:
			if (!table.is_child)
				refuse(place + "/from", "\"$line\" counts elements, and the table has no \"each\"");
			if (!takes_integers(column.type))
				refuse(type, "\"$line\" needs smallint, integer or bigint");
			break;
		case Source::record_date:
			if (column.type.id != TypeId::date)
				refuse(type, "\"$record_date\" needs date");
			break;
		case Source::record_hour:
			if (!takes_integers(column.type))
				refuse(type, "\"$record_hour\" needs smallint, integer or bigint");
			break;
		case Source::run_time:
			if (!takes_run_time(column.type))
				refuse(type, "\"$run_time\" needs timestamptz, timestamp or text");
			break;
	}
}

void
check_table(const Definition &d, size_t index)
{
	const TableDefinition &table = d.tables[index];
	const std::string place = at("tables", index);
	if (index == 0 && table.is_child)
		refuse(place + "/each", "the first table has one row for each record");
	if (index > 0 && !table.is_child)
		refuse(place, "only the first table has one row for each record; the others need \"each\"");
	for (const std::string *name : {&table.schema, &table.name})
		if (name->size() > 63)
			refuse(place, "an identifier of PostgreSQL has at most 63 bytes");
	std::set<std::string> names;
	for (size_t c = 0; c < table.columns.size(); ++c)
	{
		const std::string column = place + at("columns", c);
		if (!names.insert(table.columns[c].name).second)
			refuse(column + "/name", "column \"" + table.columns[c].name + "\" appears twice");
		if (table.columns[c].name.size() > 63)
			refuse(column + "/name", "an identifier of PostgreSQL has at most 63 bytes");
		check_column(table, table.columns[c], column);
	}
	for (size_t k = 0; k < table.primary_key.size(); ++k)
		if (names.count(table.primary_key[k]) == 0)
			refuse(place + at("primary_key", k),
				   "table \"" + table.name + "\" has no column \"" + table.primary_key[k] + "\"");
	if (table.is_child &&
		std::none_of(table.columns.begin(), table.columns.end(), [&](const ColumnDefinition &c) {
			return c.source == Source::field && !d.key_field.empty() && c.path == d.key;
		}))
		refuse(place + "/columns", "a table with \"each\" needs a column that takes the dataset's key",
			   "Its rows could not be told apart from those of other records.");
}

void
check_key(const Definition &d)
{
	if (d.on_repeat == OnRepeat::update && (d.key_field.empty() || d.tables.empty()))
		refuse("/on_repeat", "\"update\" needs a key and a table");
	if (d.key_field.empty())
		return;
	if (has_wildcard(d.key))
		refuse("/key", "a record has one key, not \"*\"");
	if (d.tables.empty())
		return;
	if (d.key_column < 0)
		refuse("/key", "no column of table \"" + d.tables[0].name + "\" takes " + d.key_field,
			   "Add a column with \"from\": \"" + d.key_field + "\".");
	if (is_one_of(d.tables[0].columns[static_cast<size_t>(d.key_column)].type.id,
				  {TypeId::json, TypeId::jsonb}))
		refuse("/key", "a key can't be of type json or jsonb");
}

void
check_normalise(const Definition &d)
{
	for (size_t i = 0; i < d.normalise.size(); ++i)
	{
		const NormaliseDefinition &rule = d.normalise[i];
		if (rule.action != NormaliseDefinition::Action::set_run_time)
			continue;
		const std::string place = at("normalise", i);
		if (has_wildcard(rule.path))
			refuse(place + "/field", "\"run_time\" sets one field of the record, not \"*\"");
		if (rule.path == d.key)
			refuse(place + "/field", "the key can't be set to the run's time");
		for (const TableDefinition &table : d.tables)
			for (const ColumnDefinition &column : table.columns)
				if (column.source == Source::field && column.path == rule.path &&
					!takes_run_time(column.type))
					refuse(place + "/to", "column \"" + column.name +
											  "\" must be timestamptz, timestamp or text to take it");
	}
}

void
check_checks(const Definition &d)
{
	for (size_t i = 0; i < d.checks.size(); ++i)
	{
		const CheckDefinition &check = d.checks[i];
		if (has_wildcard(check.equals))
			refuse(at("checks", i) + "/equals", "a check compares with one value, not \"*\"");
		for (size_t f = 0; f < check.factors.size(); ++f)
			if (has_wildcard(check.factors[f]))
				refuse(at("checks", i) + at("sum_of", f), "a factor is one value, not \"*\"",
					   "Name the elements in \"sum_over\".");
	}
}

/// Columns that take a field which may lie in elements: "/a/*/b" is "./b" of a table for each "/a".
template <typename Visit>
void
columns_of_field(const Definition &d, const Path &field, Visit &&visit)
{
	for (const TableDefinition &table : d.tables)
		for (const ColumnDefinition &column : table.columns)
		{
			Path path = column.path;
			if (column.source == Source::element)
			{
				path = table.each;
				path.push_back("*");
				path.insert(path.end(), column.path.begin(), column.path.end());
			}
			else if (column.source != Source::field)
				continue;
			if (path == field)
				visit(table, column);
		}
}

void
check_people(const Definition &d)
{
	if (d.erases && (has_wildcard(d.erases->subject) || has_wildcard(d.erases->email)))
		refuse("/erases", "a request names one person, not \"*\"");
	if (d.subject)
	{
		if (has_wildcard(d.subject->path))
			refuse("/subject/field", "a record is about one person, not \"*\"");
		if (!d.subject->email_field.empty() && d.subject->dataset != d.dataset)
			refuse("/subject/email", "the email stands in the person's own dataset, \"" +
										 d.subject->dataset + "\"");
		if (d.subject->dataset == d.dataset && d.subject->path != d.key)
			refuse("/subject/field", "a person's own dataset knows them by its key, " + d.key_field);
		bool column = d.tables.empty();
		for (size_t i = 0; i < d.tables.size() && !column; ++i)
			for (const ColumnDefinition &c : d.tables[i].columns)
				column = column || (i == 0 && c.source == Source::field && c.path == d.subject->path);
		if (!column)
			refuse("/subject/field", "no column of table \"" + d.tables[0].name + "\" takes " +
										 d.subject->field,
				   "Without it nobody could find the person's rows.");
	}
	for (size_t i = 0; i < d.personal.size(); ++i)
	{
		const PersonalDefinition &personal = d.personal[i];
		const std::string place = at("personal", i);
		if (personal.path == d.key || (d.subject && personal.path == d.subject->path))
			refuse(place + "/field", "keys stay: they are what the treated rows are known by");
		if (personal.treatment == Treatment::token && !d.subject)
			refuse(place + "/treatment", "\"token\" is keyed over the subject, and there is none");
		const size_t length = personal.treatment == Treatment::token ? token_length
																	 : personal.value.size();
		columns_of_field(d, personal.path, [&](const TableDefinition &, const ColumnDefinition &c) {
			if (personal.treatment == Treatment::null && c.not_null)
				refuse(place + "/treatment", "column \"" + c.name + "\" does not take null");
			if (personal.treatment != Treatment::null && c.type.id != TypeId::text)
				refuse(place + "/treatment", "column \"" + c.name + "\" is " + c.type.sql +
												 " and can't take the text",
					   "Use \"null\".");
			if (personal.treatment != Treatment::null && c.type.precision >= 0 &&
				length > static_cast<size_t>(c.type.precision))
				refuse(place + "/treatment",
					   "column \"" + c.name + "\" is " + c.type.sql + ", too short for the text");
		});
	}
}

} // namespace

void
check_definition(const Definition &d)
{
	check_key(d);
	for (size_t i = 0; i < d.tables.size(); ++i)
		check_table(d, i);
	check_normalise(d);
	check_checks(d);
	check_people(d);
}

} // namespace etl
