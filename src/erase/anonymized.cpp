// Treated data for reading: etl_anonymize, etl_anonymized, etl_export.
#include <optional>

#include "core/rewrite.h"
#include "core/scoped_fd.h"
#include "erase/erase.h"
#include "erase/export_target.h"
#include "erase/exports.h"
#include "erase/treat.h"
#include "pg/copy.h"
#include "pg/fixed_settings.h"
#include "pg/key_file.h"
#include "pg/srf.h"
#include "pg/table_copy.h"
#include "pg/table_statement.h"
#include "run/actions.h"
#include "run/claim.h"
#include "run/exclusive_call.h"
#include "run/export.h"
#include "run/functions.h"
#include "run/quarantine.h"

extern "C"
{
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace etl
{

namespace
{

/// The names of a table's columns, in order.
std::vector<std::string>
columns_of(Oid relation)
{
	const pg::Rows rows =
		pg::query("SELECT attname::text FROM pg_attribute WHERE attrelid = $1::oid"
				  " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
				  {pg::param(static_cast<int64_t>(relation))});
	std::vector<std::string> names;
	for (uint64_t i = 0; i < rows.size(); ++i)
		names.push_back(rows.text(i, 0));
	return names;
}

const TableDefinition &
first_table(const Definition &definition)
{
	if (definition.tables.empty())
		throw pg::Error("55000", "dataset \"" + definition.dataset + "\" has no target table",
						"There are no rows to write or to show.");
	return definition.tables[0];
}

int64_t
export_table(const Definition &definition, const std::string &path, const std::string &format,
			 bool anonymized)
{
	const TableDefinition &table = first_table(definition);
	const Oid relation = find_table(table);
	if (!OidIsValid(relation))
		throw pg::Error("42P01", "table " + quoted(table) + " does not exist",
						"Nothing was loaded for dataset \"" + definition.dataset + "\" yet.",
						"SELECT etl_run('" + definition.dataset + "');");
	const std::vector<std::string> columns = columns_of(relation);
	std::string list;
	if (anonymized)
		list = treated_select_list(definition, table, columns);
	else
		for (const std::string &column : columns)
			list += (list.empty() ? "" : ", ") + ("t." + pg::quote(column));
	std::string order;
	for (const std::string &column : table.primary_key)
		order += (order.empty() ? " ORDER BY t." : ", t.") + pg::quote(column);
	const std::string rows = "SELECT " + list + " FROM " + quoted(table) + " t" + order;

	lock_exports(false);
	ExportTarget target(path);
	uint64_t count = 0;
	{
		ExportWriter writer;
		{
			const bool csv = format == "csv";
			const ScopedFd fd(writer.start(target.part(), is_gzip(path),
										   csv ? Framing::plain : Framing::copy_binary));
			const pg::FixedSettings settings; // the same rows give the same file
			count = pg::copy_out_of_table(
				csv ? rows
					: "SELECT convert_to(row_to_json(x)::text, 'UTF8') FROM (" + rows + ") x",
				fd.get(), csv);
		}
		wait_for_exports(writer);
	}
	note_export(definition, target.part(), target.resolved(), format, anonymized,
				static_cast<int64_t>(count));
	target.publish();
	remove_on_rollback(target.resolved()); // nobody would know whom it names
	return static_cast<int64_t>(count);
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_anonymize)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	const std::string json = jsonb_text(PG_GETARG_DATUM(1));
	require_utf8();
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
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

PG_ETL_ENTRY(etl_anonymized)
{
	if (PG_ARGISNULL(1))
		throw pg::Error("22004", "dataset must not be null");
	const std::string dataset = pg::text_argument(fcinfo, 1);
	const Oid row_type = pg::call([=] { return get_fn_expr_argtype(fcinfo->flinfo, 0); });
	const Oid relation = pg::call([=] { return get_typ_typrelid(row_type); });
	require_utf8();
	// before there is an SPI connection, and only where there is a row type to return
	std::optional<pg::ResultSet> result;
	if (OidIsValid(relation))
		result.emplace(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	for (const TableDefinition &table : definition.tables)
		if (result && find_table(table) == relation)
		{
			const pg::Rows rows = pg::query_table(
				"SELECT " + treated_select_list(definition, table, columns_of(relation)) +
				" FROM " + quoted(table) + " t");
			for (uint64_t i = 0; i < rows.size(); ++i)
				result->add_tuple(rows.tuple(i));
			return static_cast<Datum>(0);
		}
	std::string example = definition.tables.empty() ? "" : quoted(definition.tables[0]);
	throw pg::Error("42809",
					"the first argument must be a row of a target table of dataset \"" + dataset +
						"\"",
					"", "SELECT * FROM etl_anonymized(NULL::" + example + ", '" + dataset + "');");
}

PG_ETL_ENTRY(etl_export)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::text_argument(fcinfo, 0), path = pg::text_argument(fcinfo, 1),
					  format = pg::text_argument(fcinfo, 2);
	const bool anonymized = PG_GETARG_BOOL(3);
	require_utf8();
	if (format != "jsonl" && format != "csv")
		throw pg::Error("22023", "unknown export format", "Formats are jsonl and csv.");
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	return Int64GetDatum(export_table(catalog.get(dataset), path, format, anonymized));
}
