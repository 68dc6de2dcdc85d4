// What a data catalogue and other tools may know of definitions: personal columns, and what an
// erasure would run.
#include "erase/treat.h"
#include "pg/srf.h"

using namespace etl;

/// (dataset, table_schema, table_name, column_name, type, field, treatment, options,
/// subject_dataset, subject_column). A json column has a row for each field inside it, whose
/// options have a path.
PG_ETL_ENTRY(etl_personal_columns)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	for (const TableDefinition &table : definition.tables)
	{
		std::string_view subject;
		if (definition.subject)
			for (const ColumnDefinition &column : table.columns)
				if (column.source == Source::field && column.path == definition.subject->path)
					subject = column.name;
		const auto add = [&](const PersonalColumn &p, const PersonalDefinition &field,
							 const std::string &options)
		{
			result.add({pg::Cell::text(definition.dataset), pg::Cell::text(table.schema),
						pg::Cell::text(table.name), pg::Cell::text(p.column->name),
						pg::Cell::text(p.column->type.sql), pg::Cell::text(field.field),
						pg::Cell::text(treatment_name(field.treatment)), pg::Cell::jsonb(options),
						definition.subject ? pg::Cell::text(definition.subject->dataset)
										   : pg::Cell::null(),
						pg::Cell::text_or_null(subject)});
		};
		for (const PersonalColumn &p : personal_columns(definition, table))
		{
			if (p.field != nullptr)
				add(p, *p.field, p.field->json);
			for (const PersonalColumn::Inside &inside : p.inside)
				add(p, *inside.field, inside_json(inside));
		}
	}
	return static_cast<Datum>(0);
}

/// (table_schema, table_name), with the schema that a definition need not name
PG_ETL_ENTRY(etl_target_tables)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const TableDefinition &table : catalog.get(dataset).tables)
		result.add({pg::Cell::text(table.schema), pg::Cell::text(table.name)});
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
