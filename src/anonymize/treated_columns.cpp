#include "anonymize/treated_columns.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "core/types/column_type.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// The treatment of a value in the place of an object, e.g. "info": "Ann" if the field is
/// /info/name. add_personal_edits() does the same in a file.
PersonalDefinition
treated_whole(const PersonalDefinition &field, const ColumnType &type)
{
	PersonalDefinition whole;
	whole.path = field.path;
	whole.field = field.field;
	whole.type = type;
	const bool takes_redacted =
		type.id == TypeId::text &&
		(type.precision < 0 || whole.value.size() <= static_cast<size_t>(type.precision));
	whole.treatment = takes_redacted ? Treatment::redact : Treatment::null;
	whole.json =
		nlohmann::json{{"field", field.field}, {"treatment", takes_redacted ? "redact" : "null"}}
			.dump();
	return whole;
}

bool
keeps_key(const Definition &definition, const TableDefinition &table,
		  const ColumnDefinition &column)
{
	return takes_key(definition, column) ||
		   std::ranges::find(table.primary_key, column.name) != table.primary_key.end();
}

} // namespace

std::vector<PersonalColumn>
personal_columns(const Definition &definition, const TableDefinition &table)
{
	std::vector<PersonalColumn> columns;
	for (const ColumnDefinition &column : table.columns)
	{
		const std::optional<Path> path = column_path(table, column);
		if (!path)
			continue;
		PersonalColumn personal{&column, nullptr, {}, {}};
		for (const PersonalDefinition &field : definition.personal)
		{
			const Holds held = holds(column, *path, field.path);
			if (held == Holds::field || held == Holds::part)
				personal.field = &field;
			else if (held == Holds::inside)
				personal.inside.push_back(
					{&field, Path(field.path.begin() + static_cast<ptrdiff_t>(path->size()),
								  field.path.end())});
			else if (held == Holds::around && personal.whole == nullptr &&
					 field.treatment != Treatment::keep && !keeps_key(definition, table, column))
				personal.whole =
					std::make_shared<const PersonalDefinition>(treated_whole(field, column.type));
		}
		if (personal.field == nullptr)
			personal.field = personal.whole.get();
		if (personal.field != nullptr || !personal.inside.empty())
			columns.push_back(std::move(personal));
	}
	return columns;
}

std::string
inside_json(const PersonalColumn::Inside &inside)
{
	nlohmann::json json = nlohmann::json::parse(inside.field->json);
	json["path"] = inside.path;
	// values inside are read like those of the column that takes the field, if there is one
	json["type"] = inside.field->type.sql;
	return json.dump();
}

namespace
{

/// The expression for the fields inside a json column.
std::string
treated_document(const PersonalColumn &column, const std::string &name, const std::string &token)
{
	std::string fields;
	bool random = false;
	for (const PersonalColumn::Inside &inside : column.inside)
	{
		if (inside.field->treatment == Treatment::keep)
			continue;
		fields += (fields.empty() ? "[" : ", ") + inside_json(inside);
		random = random || inside.field->treatment == Treatment::random;
	}
	if (fields.empty())
		return name;
	return std::string(random ? "etl.treat_document_random(" : "etl.treat_document(") +
		   pg::literal(fields + "]") + "::jsonb, " + name + "::text, " + token +
		   ")::" + column.column->type.sql;
}

} // namespace

std::string
treated_expression(const PersonalColumn &column, const std::string &alias, const std::string &token)
{
	const std::string name = alias + "." + pg::quote(column.column->name);
	if (column.field == nullptr)
		return treated_document(column, name, token);
	const std::string type = "::" + column.column->type.sql;
	const bool json =
		column.column->type.id == TypeId::json || column.column->type.id == TypeId::jsonb;
	switch (column.field->treatment)
	{
	case Treatment::keep:
		return name;
	case Treatment::null:
		return "NULL" + type;
	case Treatment::redact:
		return "CASE WHEN " + name + " IS NOT NULL THEN " +
			   (json ? "pg_catalog.to_jsonb(" + pg::literal(column.field->value) + "::text)"
					 : pg::literal(column.field->value)) +
			   type + " END";
	case Treatment::token:
		return "CASE WHEN " + name + " IS NOT NULL THEN " + token + type + " END";
	default:
		break;
	}
	return std::string(column.field->treatment == Treatment::random ? "etl.treat_random("
																	: "etl.treat(") +
		   pg::literal(column.field->json) + "::jsonb, " + pg::literal(column.column->type.sql) +
		   ", pg_catalog.to_jsonb(" + name + "), NULL)" + type;
}

std::vector<std::string>
field_expressions(const TableDefinition &table, const Path &field, const std::string &alias)
{
	std::vector<std::string> expressions;
	for (const ColumnDefinition &column : table.columns)
	{
		if (column.source != Source::field || field.empty())
			continue;
		const std::string name = alias + "." + pg::quote(column.name);
		const Holds held = holds(column, column.path, field);
		if (held == Holds::field)
			expressions.push_back(name + "::text");
		else if (held == Holds::inside)
		{
			std::string steps;
			for (size_t i = column.path.size(); i < field.size(); ++i)
				steps += (steps.empty() ? "" : ", ") + pg::literal(field[i]);
			expressions.push_back("(" + name + " OPERATOR(pg_catalog.#>>) ARRAY[" + steps +
								  "]::text[])");
		}
	}
	return expressions;
}

std::string
treatment_secret(const Definition &definition)
{
	for (const PersonalDefinition &field : definition.personal)
		if (field.treatment == Treatment::pseudonymize)
			return pg::secret(pg::KeyUse::look);
	return {};
}

constexpr char read_generated_columns_sql[] = R"(
WITH RECURSIVE tree (oid)
     AS (SELECT $1::oid
          UNION
         SELECT i.inhrelid
           FROM tree
           JOIN pg_inherits i ON i.inhparent = tree.oid),
     edge AS (SELECT g.attname AS name, s.attname AS source
                FROM tree
                JOIN pg_attribute g ON g.attrelid = tree.oid AND g.attgenerated <> ''
                JOIN pg_attrdef e ON e.adrelid = g.attrelid AND e.adnum = g.attnum
                JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
                     AND d.refobjid = g.attrelid
                     AND (d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
                          OR d.classid = 'pg_class'::regclass AND d.objid = g.attrelid
                          AND d.objsubid = g.attnum)
                JOIN pg_attribute s ON s.attrelid = d.refobjid AND s.attnum = d.refobjsubid
               WHERE s.attnum <> g.attnum),
     found (name, origin)
     AS (SELECT n::name COLLATE "C", n
           FROM unnest($2::text[]) n
          UNION
         SELECT edge.name, found.origin
           FROM found
           JOIN edge ON edge.source = found.name)
SELECT f.name::text, f.origin,
       coalesce((SELECT format_type(a.atttypid, a.atttypmod)
                   FROM pg_attribute a
                  WHERE a.attrelid = $1::oid AND a.attname = f.name),
                '')
  FROM found f
 WHERE f.name IN (SELECT name FROM edge)
 ORDER BY 1, 2)";

std::vector<GeneratedColumn>
generated_from(const std::vector<PersonalColumn> &personal, Oid relation)
{
	std::vector<std::string_view> names;
	for (const PersonalColumn &p : personal)
		names.push_back(p.column->name);
	if (names.empty())
		return {};
	// By name, because a partition may compute a column differently. The columns that an expression
	// uses are dependencies of the default since PostgreSQL 15, and of the column before.
	const pg::Rows rows =
		pg::query(read_generated_columns_sql,
				  {pg::param(static_cast<int64_t>(relation)), pg::param_array(names)});
	std::vector<GeneratedColumn> generated;
	for (uint64_t i = 0; i < rows.size(); ++i)
		generated.push_back({rows.text(i, 0), rows.text(i, 2), rows.text(i, 1)});
	return generated;
}

std::string
treated_select_list(const Definition &definition, const TableDefinition &table, Oid relation,
					const std::vector<std::string> &columns)
{
	// the token is keyed over the person, whose key is in a column of the table
	std::string token = "NULL";
	if (const ColumnDefinition *subject =
			definition.subject ? column_taking(table, definition.subject->path) : nullptr)
		token = "etl.subject_token(" + pg::literal(definition.subject->dataset) + ", t." +
				pg::quote(subject->name) + "::text)";
	const std::vector<PersonalColumn> personal = personal_columns(definition, table);
	const std::vector<GeneratedColumn> generated = generated_from(personal, relation);
	std::string list;
	for (const std::string &name : columns)
	{
		if (name.empty())
		{
			list += list.empty() ? "NULL" : ", NULL";
			continue;
		}
		std::string expression = "t." + pg::quote(name);
		if (std::ranges::find(generated, name, &GeneratedColumn::name) != generated.end())
			// a null of the column's type
			expression = "CASE WHEN false THEN " + expression + " END";
		for (const PersonalColumn &p : personal)
			if (p.column->name == name)
				expression = treated_expression(p, "t", token);
		list += (list.empty() ? "" : ", ") + expression + " AS " + pg::quote(name);
	}
	return list;
}

} // namespace etl
