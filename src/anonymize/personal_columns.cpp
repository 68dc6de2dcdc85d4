// Functions for data catalogues and other tools: personal columns, and the statements of an
// erasure.
#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "core/definition/personal.h"
#include "pg/spi.h"
#include "pg/srf.h"

using namespace etl;

/// (dataset, table_schema, table_name, column_name, type, field, treatment, options,
/// subject_dataset, subject_column). A json column has a row for each field inside it, with a path
/// in its options. A column that is generated from personal columns has a row for each of their
/// fields.
PG_ETL_ENTRY(etl_personal_columns)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	// views call this for all datasets, so an invalid definition must not be an error
	if (catalog.invalid().count(dataset) > 0)
		return static_cast<Datum>(0);
	const Definition &definition = catalog.get(dataset);
	for (const TableDefinition &table : definition.tables)
	{
		std::string_view subject;
		if (const ColumnDefinition *column =
				definition.subject ? column_taking(table, definition.subject->path) : nullptr)
			subject = column->name;
		const auto add = [&](std::string_view column, std::string_view type,
							 const PersonalDefinition &field, Treatment treatment,
							 const std::string &options)
		{
			result.add({pg::Cell::text(definition.dataset), pg::Cell::text(table.schema),
						pg::Cell::text(table.name), pg::Cell::text(column), pg::Cell::text(type),
						pg::Cell::text(field.field), pg::Cell::text(treatment_name(treatment)),
						pg::Cell::jsonb(options),
						definition.subject ? pg::Cell::text(definition.subject->dataset)
										   : pg::Cell::null(),
						pg::Cell::text_or_null(subject)});
		};
		const std::vector<PersonalColumn> personal = personal_columns(definition, table);
		for (const PersonalColumn &p : personal)
		{
			const ColumnDefinition &column = *p.column;
			if (p.field != nullptr)
				add(column.name, column.type.sql, *p.field, p.field->treatment, p.field->json);
			for (const PersonalColumn::Inside &inside : p.inside)
				add(column.name, column.type.sql, *inside.field, inside.field->treatment,
					inside_json(inside));
		}
		const Oid relation = find_table(table);
		if (relation == InvalidOid)
			continue;
		const std::string options = R"({"treatment": "null"})";
		for (const GeneratedColumn &column : generated_from(personal, relation))
			for (const PersonalColumn &p : personal)
				if (p.column->name == column.from)
				{
					if (p.field != nullptr)
						add(column.name, column.type, *p.field, Treatment::null, options);
					for (const PersonalColumn::Inside &inside : p.inside)
						add(column.name, column.type, *inside.field, Treatment::null, options);
				}
	}
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_removal_statements)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	if (definition.subject && definition.subject->on_erasure == OnErasure::remove)
		for (const std::string &statement : removal_statements(catalog, definition))
			result.add({pg::Cell::text(statement)});
	return static_cast<Datum>(0);
}
