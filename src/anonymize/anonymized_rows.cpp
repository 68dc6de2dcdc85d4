// Functions that return or export treated data: etl_anonymize, etl_anonymized, etl_export.
#include <optional>

#include "anonymize/anonymized_text.h"
#include "anonymize/export_name.h"
#include "anonymize/export_target.h"
#include "anonymize/exports.h"
#include "anonymize/treated_columns.h"
#include "catalog/citus.h"
#include "catalog/definitions.h"
#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/privacy/pseudonym.h"
#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/export.h"
#include "load/quarantine.h"
#include "pg/arguments.h"
#include "pg/copy.h"
#include "pg/exclusive_call.h"
#include "pg/fault.h"
#include "pg/fixed_settings.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "pg/table_copy.h"
#include "pg/table_statement.h"
#include "publish/export_intent.h"
#include "publish/plan.h"

extern "C"
{
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace etl
{

namespace
{

constexpr char read_attributes_sql[] = R"(
SELECT CASE WHEN attisdropped THEN '' ELSE attname::text END
  FROM pg_attribute
 WHERE attrelid = $1::oid AND attnum > 0
 ORDER BY attnum)";

/// The names of a table's columns in order, with "" for a dropped column.
std::vector<std::string>
attributes_of(Oid relation)
{
	const pg::Rows rows =
		pg::query(read_attributes_sql, {pg::param(static_cast<int64_t>(relation))});
	std::vector<std::string> names;
	for (uint64_t i = 0; i < rows.size(); ++i)
		names.push_back(rows.text(i, 0));
	return names;
}

std::vector<std::string>
columns_of(Oid relation)
{
	std::vector<std::string> names = attributes_of(relation);
	std::erase(names, "");
	return names;
}

/// The treated rows of the table, or the one given row, as rows of the table's type.
pg::Rows
treated_rows(FunctionCallInfo fcinfo, const Definition &definition, const TableDefinition &table,
			 Oid row_type, Oid relation)
{
	const std::string select =
		"SELECT " + treated_select_list(definition, table, relation, attributes_of(relation)) +
		" FROM ";
	if (PG_ARGISNULL(0))
		return pg::query_table(select + quoted(table) + " t");
	// the query names the table, so that code of its owner on types of the columns runs as it would
	// in a query on the table
	return pg::query_table(select + "(SELECT ($1).*) t WHERE NOT EXISTS (SELECT FROM " +
							   quoted(table) + " WHERE false)",
						   {{row_type, PG_GETARG_DATUM(0)}});
}

const TableDefinition &
first_table(const Definition &definition)
{
	if (definition.tables.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"dataset \"" + definition.dataset + "\" has no target table",
						"There are no rows to write or to show.");
	return definition.tables[0];
}

int64_t
export_table(const Definition &definition, const std::string &path, const std::string &format,
			 bool anonymized)
{
	const TableDefinition &table = first_table(definition);
	require_fitting_name(definition.dataset, path, format);
	lock_exports(false);
	// the directory in which other sessions look for notes of this one
	const pg::Settings settings = pg::Settings::lasting();
	ExportTarget target(path);
	settle_exports(definition.dataset, settings);
	const Oid relation = find_table(table);
	if (!OidIsValid(relation))
		throw pg::Error(sqlstate::undefined_table, "table " + quoted(table) + " does not exist",
						"Nothing was loaded for dataset \"" + definition.dataset + "\" yet.",
						"SELECT etl_run('" + definition.dataset + "');");
	refuse_citus_tables(definition);
	const std::vector<std::string> columns = columns_of(relation);
	std::string list;
	if (anonymized)
		list = treated_select_list(definition, table, relation, columns);
	else
		for (const std::string &column : columns)
			list += (list.empty() ? "" : ", ") + ("t." + pg::quote(column));
	std::string order;
	for (const std::string &column : table.primary_key)
		order += (order.empty() ? " ORDER BY t." : ", t.") + pg::quote(column);
	const std::string rows = "SELECT " + list + " FROM " + quoted(table) + " t" + order;

	uint64_t count = 0;
	ExportIntent intent(definition.dataset, settings, target.directory(), target.part_name(),
						target.name());
	ETL_FAULT("export_noted");
	{
		ExportWriter writer;
		{
			const bool csv = format == "csv";
			const ScopedFd fd(writer.start(target.part(), is_gzip(path),
										   csv ? Framing::plain : Framing::copy_binary));
			const pg::FixedSettings settings; // the same rows must give the same file
			count = pg::copy_out_of_table(
				csv ? rows
					: "SELECT convert_to(row_to_json(x.*)::text, 'UTF8') FROM (" + rows + ") x",
				fd.get(), csv);
		}
		wait_for_exports(writer);
	}
	ETL_FAULT("export_written");
	note_export(definition, intent, target.part(), target.resolved(), format, anonymized,
				static_cast<int64_t>(count));
	ETL_FAULT("export_completed");
	target.publish();
	remove_on_rollback(target.resolved()); // after a rollback no row would say who is in the file
	ETL_FAULT("export_published");
	return static_cast<int64_t>(count);
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_anonymize)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	require_utf8();
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	if (PG_ARGISNULL(1))
		return static_cast<Datum>(0); // there is no record to treat
	const std::string json = jsonb_text(PG_GETARG_DATUM(1));
	Piece piece;
	RecordStager stager(definition, catalog.key_types());
	stager.stage({json, 1, false}, json.size(), 0, RowContext(), piece);
	const std::string_view subject = piece.records[0].subject;
	const std::string token =
		definition.subject
			? subject_token(pg::secret(pg::KeyUse::look), definition.subject->dataset, subject)
			: "";
	Document document;
	const std::string treated = anonymized_text(definition, document, json, token);
	result.add({pg::Cell::jsonb(treated)});
	return static_cast<Datum>(0);
}

/// etl_anonymized(rows anyelement, dataset text): for NULL::table all rows of the table, for a row
/// this row. A null row, as from an outer join, gives no row.
PG_ETL_ENTRY(etl_anonymized)
{
	const std::string dataset = pg::required_text(fcinfo, 1, "dataset");
	const Oid row_type = pg::call([=] { return get_fn_expr_argtype(fcinfo->flinfo, 0); });
	const Oid relation = pg::call([=] { return get_typ_typrelid(row_type); });
	require_utf8();
	// must be before the SPI connection, and only if there is a row type to return
	std::optional<pg::ResultSet> result;
	if (OidIsValid(relation))
		result.emplace(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	for (const TableDefinition &table : definition.tables)
		if (result && find_table(table) == relation)
		{
			// a null from a constant or parameter means the table, a null from a query is a null
			// row
			if (PG_ARGISNULL(0) &&
				!pg::call([=] { return get_fn_expr_arg_stable(fcinfo->flinfo, 0); }))
				return static_cast<Datum>(0);
			refuse_citus_table(relation);
			const pg::Rows rows = treated_rows(fcinfo, definition, table, row_type, relation);
			for (uint64_t i = 0; i < rows.size(); ++i)
				result->add_tuple(rows.tuple(i));
			return static_cast<Datum>(0);
		}
	const std::string example = quoted(first_table(definition));
	throw pg::Error(sqlstate::invalid_parameter_value,
					"the first argument must be a row of a target table of dataset \"" + dataset +
						"\", or NULL::table for all its rows",
					"", "SELECT * FROM etl_anonymized(NULL::" + example + ", '" + dataset + "');");
}

PG_ETL_ENTRY(etl_export)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset"),
					  path = pg::required_text(fcinfo, 1, "path"),
					  format = pg::required_text(fcinfo, 2, "format");
	pg::require_argument(fcinfo, 3, "anonymized");
	const bool anonymized = PG_GETARG_BOOL(3);
	require_utf8();
	if (format != "jsonl" && format != "csv")
		throw pg::Error(sqlstate::invalid_parameter_value, "unknown export format",
						"Formats are jsonl and csv.");
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	return Int64GetDatum(export_table(catalog.get(dataset), path, format, anonymized));
}
