// What definitions say, as rows: definitions, target_tables, personal_fields and retention_periods,
// all in schema etl_internal. SQL asks these and never walks a definition's JSON; defaults are
// applied.
#include <nlohmann/json.hpp>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/definition/personal.h"
#include "pg/spi.h"
#include "pg/srf.h"

using namespace etl;

constexpr char erased_dataset_of_sql[] = R"(
SELECT coalesce(definition #>> '{x-etl,erases,dataset}', '')
  FROM etl.dataset
 WHERE name = $1)";

/// (dataset, is_valid, subject_dataset, on_erasure, erased_dataset, people_dataset): one row for
/// each dataset. Of a definition that is not valid only erased_dataset is told: requests in its
/// quarantine go on to wait for somebody.
PG_ETL_ENTRY(etl_definitions)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const auto &[name, d] : catalog.all())
	{
		const std::string subject = d.subject ? d.subject->dataset : "";
		const std::string erased = d.erases ? d.erases->dataset : "";
		const bool removes = d.subject && d.subject->on_erasure == OnErasure::remove;
		const std::string_view on_erasure = !d.subject ? "" : removes ? "delete" : "treat";
		const std::string people = !subject.empty() ? subject : !erased.empty() ? erased : name;
		result.add({pg::Cell::text(name), pg::Cell::boolean(true), pg::Cell::text_or_null(subject),
					pg::Cell::text_or_null(on_erasure), pg::Cell::text_or_null(erased),
					pg::Cell::text(people)});
	}
	for (const auto &[name, error] : catalog.invalid())
	{
		const pg::Rows rows = pg::query(erased_dataset_of_sql, {pg::param(name)});
		const std::string erased = rows.empty() ? "" : rows.text(0, 0);
		result.add({pg::Cell::text(name), pg::Cell::boolean(false), pg::Cell::null(),
					pg::Cell::null(), pg::Cell::text_or_null(erased), pg::Cell::null()});
	}
	return static_cast<Datum>(0);
}

/// (table_schema, table_name, column_names), with the schema that a definition need not name; the
/// columns are those that the definition names, as JSON
PG_ETL_ENTRY(etl_target_tables)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	if (catalog.invalid().count(dataset) > 0)
		return static_cast<Datum>(0);
	for (const TableDefinition &table : catalog.get(dataset).tables)
	{
		nlohmann::json names = nlohmann::json::array();
		for (const ColumnDefinition &column : table.columns)
			names.push_back(column.name);
		const std::string columns = names.dump();
		result.add(
			{pg::Cell::text(table.schema), pg::Cell::text(table.name), pg::Cell::jsonb(columns)});
	}
	return static_cast<Datum>(0);
}

/// (dataset, field, treatment): the personal fields of each dataset with a valid definition.
PG_ETL_ENTRY(etl_personal_fields)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const auto &[name, definition] : catalog.all())
		for (const PersonalDefinition &personal : definition.personal)
			result.add({pg::Cell::text(name), pg::Cell::text(personal.field),
						pg::Cell::text(treatment_name(personal.treatment))});
	return static_cast<Datum>(0);
}

/// (dataset, place, kept): the rules of each dataset with a valid definition.
PG_ETL_ENTRY(etl_retention_periods)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const auto &[name, definition] : catalog.all())
		for (const auto &[place, kept] : definition.retention)
			result.add({pg::Cell::text(name), pg::Cell::text(place), pg::Cell::text(kept)});
	return static_cast<Datum>(0);
}
