#include "erase/subject_rows.h"

#include "anonymize/person_match.h"
#include "core/definition/column_path.h"
#include "pg/spi.h"

namespace etl
{

std::string
place_of(const TableDefinition &table)
{
	return table.schema + "." + table.name;
}

std::optional<RowsAbout>
rows_about(const Catalog &catalog, const Definition &definition, const TableDefinition &table)
{
	const ColumnDefinition *subject = definition.subject_column();
	if (subject == nullptr)
		return std::nullopt;
	RowsAbout rows{"unnest($1::text[], $2::text[]) s(subject, token)", {}};
	const auto match = [&](const char *alias)
	{ return person_match(catalog, definition, *subject, alias, "s.subject"); };
	if (!table.is_child)
	{
		rows.where = match("t");
		return rows;
	}
	const ColumnDefinition *key = definition.key_column();
	const ColumnDefinition *parent = key == nullptr ? nullptr : column_taking(table, key->path);
	if (parent == nullptr)
		return std::nullopt;
	rows.from += " JOIN " + quoted(definition.tables[0]) + " p ON " + match("p");
	rows.where = "t." + pg::quote(parent->name) + " = p." + pg::quote(key->name);
	return rows;
}

bool
finds_people(const Definition &definition)
{
	return definition.subject_column() != nullptr && find_table(definition.tables[0]);
}

std::string
counted_rows(const RowsAbout &about, const TableDefinition &table)
{
	return "SELECT s.subject, count(*), sum(hashtextextended(t::text, 0))::text FROM " +
		   about.from + ", " + quoted(table) + " t WHERE " + about.where +
		   " GROUP BY s.subject ORDER BY s.subject";
}

} // namespace etl
