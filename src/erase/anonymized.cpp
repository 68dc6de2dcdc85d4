// Treated data for reading: etl_anonymize, etl_anonymized, etl_export.
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/rewrite.h"
#include "core/scoped_fd.h"
#include "erase/erase.h"
#include "erase/treat.h"
#include "pg/copy.h"
#include "pg/srf.h"
#include "run/claim.h"
#include "run/export.h"
#include "run/functions.h"
#include "run/quarantine.h"

extern "C"
{
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
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

/// Where an export may be written.
std::string
writable_path(const std::string &path)
{
	const pg::Settings settings = pg::Settings::current();
	if (settings.processed_dir.empty())
		settings.require_folders();
	const std::string absolute =
		!path.empty() && path[0] == '/' ? path : settings.processed_dir + "/" + path;
	const size_t slash = absolute.rfind('/');
	const std::string name = absolute.substr(slash + 1);
	if (name.empty() || name == "." || name == "..")
		throw pg::Error("22023", "path \"" + storable_text(path) + "\" names no file");
	char folder[PATH_MAX], root[PATH_MAX];
	if (realpath(absolute.substr(0, slash).c_str(), folder) == nullptr)
		throw pg::Error("58P01",
						"could not open the folder of \"" + storable_text(path) +
							"\": " + pg_strerror(errno),
						"", "Create the folder on the server first.");
	const bool inside =
		realpath(settings.processed_dir.c_str(), root) != nullptr &&
		(std::string(folder) + "/").compare(0, strlen(root) + 1, std::string(root) + "/") == 0;
	if (!inside &&
		!pg::call([] { return has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES); }))
		throw pg::Error("42501", "permission denied to write file \"" + storable_text(path) + "\"",
						"It lies outside etl.processed_dir.",
						"Only members of pg_write_server_files may write elsewhere.");
	return std::string(folder) + "/" + name;
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

	const std::string target = writable_path(path);
	const std::string part = target + ".part";
	unlink(part.c_str());
	struct Remove
	{
		const std::string &path;
		~Remove() { unlink(path.c_str()); }
	} remove_part{part};
	uint64_t count = 0;
	{
		ExportWriter writer;
		{
			const bool csv = format == "csv";
			const ScopedFd fd(
				writer.start(part, is_gzip(path), csv ? Framing::plain : Framing::copy_binary));
			count = csv ? pg::copy_out(rows, fd.get(), {{"format", "csv"}, {"header", "true"}})
						: pg::copy_out("SELECT convert_to(row_to_json(x)::text, 'UTF8') FROM (" +
										   rows + ") x",
									   fd.get(), {{"format", "binary"}});
		}
		wait_for_exports(writer);
	}
	if (rename(part.c_str(), target.c_str()) != 0)
		throw pg::Error("58030",
						"could not give \"" + target + "\" its name: " + pg_strerror(errno));
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
		definition.subject ? subject_token(pg::secret(), definition.subject->dataset, subject) : "";
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
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	for (const TableDefinition &table : definition.tables)
		if (OidIsValid(relation) && find_table(table) == relation)
		{
			const pg::Rows rows =
				pg::query("SELECT " + treated_select_list(definition, table, columns_of(relation)) +
						  " FROM " + quoted(table) + " t");
			for (uint64_t i = 0; i < rows.size(); ++i)
				result.add_tuple(rows.tuple(i));
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
