// Functions of schema etl_internal that return the contents of definitions as rows, with defaults:
// definitions, target_tables, personal_fields and retention_periods. SQL code calls these functions
// and never reads the JSON of a definition.
#include <nlohmann/json.hpp>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/definition/personal.h"
#include "pg/spi.h"
#include "pg/srf.h"

using namespace etl;

constexpr char read_definition_text_sql[] = R"(
SELECT definition::text FROM etl.dataset WHERE name = $1)";

namespace
{

/// The dataset whose people the requests of a dataset erase, according to a definition that is not
/// valid otherwise. "" if it does not say so.
std::string
erased_dataset_of(const std::string &dataset)
{
	const pg::Rows rows = pg::query(read_definition_text_sql, {pg::param(dataset)});
	if (rows.empty())
		return {};
	const auto definition = nlohmann::json::parse(rows.text(0, 0), nullptr, false);
	const nlohmann::json::json_pointer pointer("/x-etl/erases/dataset");
	if (definition.is_discarded() || !definition.contains(pointer) ||
		!definition[pointer].is_string())
		return {};
	return definition[pointer];
}

} // namespace

/// (dataset, is_valid, subject_dataset, on_erasure, erased_dataset, people_dataset): one row for
/// each dataset. For an invalid definition only erased_dataset is given, because requests in its
/// quarantine still wait for their people.
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
		const std::string erased = erased_dataset_of(name);
		result.add({pg::Cell::text(name), pg::Cell::boolean(false), pg::Cell::null(),
					pg::Cell::null(), pg::Cell::text_or_null(erased), pg::Cell::null()});
	}
	return static_cast<Datum>(0);
}

/// (table_schema, table_name, column_names): the target tables, with the schema even if the
/// definition does not name it. The columns are those in the definition, as JSON.
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

/// (dataset, place, kept): the retention rules of each dataset with a valid definition.
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
