#include "erase/treat.h"

#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace etl
{

std::vector<PersonalColumn>
personal_columns(const Definition &definition, const TableDefinition &table)
{
	std::vector<PersonalColumn> columns;
	for (const PersonalDefinition &field : definition.personal)
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
			if (path == field.path)
				columns.push_back({&field, &column});
		}
	return columns;
}

std::string
treated_expression(const PersonalColumn &column, const std::string &alias, const std::string &token)
{
	const std::string name = alias + "." + pg::quote(column.column->name);
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

std::string
treatment_secret(const Definition &definition)
{
	for (const PersonalDefinition &field : definition.personal)
		if (field.treatment == Treatment::pseudonymize)
			return pg::secret(pg::KeyUse::look);
	return {};
}

std::string
treated_select_list(const Definition &definition, const TableDefinition &table,
					const std::vector<std::string> &columns)
{
	// the token is keyed over the person, whose key stands in a column of the table
	std::string token = "NULL";
	if (definition.subject)
		for (const ColumnDefinition &column : table.columns)
			if (column.source == Source::field && column.path == definition.subject->path)
				token = "etl.subject_token(" + pg::literal(definition.subject->dataset) + ", t." +
						pg::quote(column.name) + "::text)";
	const std::vector<PersonalColumn> personal = personal_columns(definition, table);
	std::string list;
	for (const std::string &name : columns)
	{
		std::string expression = "t." + pg::quote(name);
		for (const PersonalColumn &p : personal)
			if (p.column->name == name)
				expression = treated_expression(p, "t", token);
		list += (list.empty() ? "" : ", ") + expression + " AS " + pg::quote(name);
	}
	return list;
}

} // namespace etl
