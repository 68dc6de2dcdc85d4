// The SQL functions that run datasets and look at staged files.
#include <algorithm>
#include <optional>

#include <limits.h>
#include <stdlib.h>

#include "core/file_error.h"
#include "core/inside.h"
#include "erase/treatment_check.h"
#include "pg/srf.h"
#include "pg/type_input.h"
#include "run/batch.h"
#include "run/catalog_owner.h"
#include "run/claim.h"
#include "run/exclusive_call.h"
#include "run/functions.h"
#include "run/missing_references.h"
#include "run/quarantine.h"
#include "run/threads.h"

extern "C"
{
#include "catalog/pg_authid.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace etl
{

void
require_utf8()
{
	if (GetDatabaseEncoding() != PG_UTF8)
		throw pg::Error("0A000", "pg_etl needs a database with encoding UTF8",
						std::string("This database has encoding ") + GetDatabaseEncodingName() +
							".",
						"CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.");
}

std::string
jsonb_text(Datum value)
{
	const char *text = pg::call(
		[=]
		{
			Jsonb *jsonb = DatumGetJsonbP(value);
			return JsonbToCString(nullptr, &jsonb->root, static_cast<int>(VARSIZE(jsonb)));
		});
	return text;
}

std::string
readable_path(const std::string &path)
{
	if (path.empty())
		throw pg::Error("22023", "path \"\" names no file", "",
						"Give a path relative to etl.raw_dir, or an absolute one.");
	const pg::Settings settings = pg::Settings::current();
	const std::string absolute = path[0] == '/' ? path : settings.raw_dir + "/" + path;
	if (path[0] != '/' && settings.raw_dir.empty())
		settings.require_folders();
	char resolved[PATH_MAX];
	if (realpath(absolute.c_str(), resolved) == nullptr)
		throw pg::Error(sqlstate_of_errno(errno),
						"could not open file \"" + storable_text(path) +
							"\": " + pg_strerror(errno),
						"", "Give a path relative to etl.raw_dir, or an absolute one.");
	if (pg::call([] { return has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES); }))
		return resolved;
	for (const std::string *root :
		 {&settings.raw_dir, &settings.processed_dir, &settings.archive_dir})
		if (!root->empty() && is_inside(resolved, *root))
			return resolved;
	throw pg::Error("42501", "permission denied to read file \"" + storable_text(path) + "\"",
					"It lies outside etl.raw_dir, etl.processed_dir and etl.archive_dir.",
					"Only members of pg_read_server_files may read other files.");
}

namespace
{

std::string
text_arg(FunctionCallInfo fcinfo, int n)
{
	return pg::text_argument(fcinfo, n);
}

/// The row of etl.run as a composite value that outlives SPI.
Datum
run_row(const RunResult &result)
{
	const pg::Rows rows =
		pg::query("SELECT r FROM etl.run r WHERE run_id = $1", {pg::param(result.run_id)});
	bool null;
	const Datum value = rows.datum(0, 0, null);
	return pg::call([=] { return SPI_datumTransfer(value, false, -1); });
}

/// What kept etl.run_batch() from running the dataset the last time that it was called.
std::optional<pg::Error> batch_error;

Partition
partition_of(const std::string &path)
{
	// the last three parts of an absolute path may be a partition and a name
	size_t at = path.size();
	for (int i = 0; i < 3 && at != std::string::npos && at > 0; ++i)
		at = path.rfind('/', at - 1);
	const std::string tail = at == std::string::npos ? path : path.substr(at + 1);
	return parse_partition(tail).value_or(Partition{2000, 1, 1, 0});
}

void
add_violations(pg::ResultSet &result, const BatchRecord &r, MissingReferences &missing)
{
	if (!r.record->violations)
		return;
	missing.tell_all(r);
	const std::string record =
		r.record->storable ? std::string(r.record->text) : storable_text(r.record->text);
	for (const Violation &v : *r.record->violations)
		result.add({pg::Cell::bigint(static_cast<int64_t>(r.record->line)), pg::Cell::text(record),
					pg::Cell::text(code_name(v.code)), pg::Cell::text_or_null(v.keyword),
					pg::Cell::text(v.pointer), pg::Cell::text(v.message)});
	missing.forget(r);
}

/// The dry run: staged and checked, batch by batch, and nothing written.
void
validate_file(const Catalog &catalog, const Definition &definition, const std::string &path,
			  pg::ResultSet &result)
{
	const pg::Settings settings = pg::Settings::current();
	FileTask task;
	task.path = path;
	task.gzip = is_gzip(path);
	task.whole_json = is_whole_json(path);
	task.root = 0; // resolved: a link that is there now was not there when it was checked
	const Partition partition = partition_of(path);
	task.context = {partition.pg_date(), static_cast<int16_t>(partition.hour), 0};
	StagerOptions options;
	options.memory = settings.batch_memory / 3;
	options.max_record_size = settings.max_record_size;
	options.max_file_size = settings.max_file_size;
	pg::ServerTypeInput type_input;
	options.type_input = &type_input;
	Stager stager(definition, catalog.key_types(), {task}, options);
	const StopOnExit stop_on_exit(stager);
	SpanningKeys spanning;
	for (;;)
	{
		Stager::Step step = stager.next(std::chrono::milliseconds(100));
		pg::check_for_interrupts();
		if (step.kind == Stager::Step::Kind::file_end && !step.outcome.error.empty())
			throw pg::Error(step.outcome.sqlstate,
							"could not read staged file: " + step.outcome.error,
							"File \"" + storable_text(path) + "\".");
		if (step.kind == Stager::Step::Kind::done)
			return;
		if (step.kind != Stager::Step::Kind::piece)
			continue;
		const pg::MemoryScope memory_scope;
		Batch batch;
		batch.pieces.push_back(std::move(step.piece));
		batch.collect();
		check(catalog, definition, batch, &spanning);
		MissingReferences missing(definition);
		for (const BatchRecord &r : batch.records)
		{
			add_violations(result, r, missing);
			if (r.record->loadable && r.record->key.data() != nullptr)
				spanning.keys.add(r.record->key);
		}
	}
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_run_one)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(
		fcinfo, 0, "dataset", "SELECT * FROM etl_run(); runs every enabled dataset.");
	pg::require_argument(fcinfo, 1, "wait");
	require_utf8();
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	RunOptions options = options_of_call();
	options.wait = PG_GETARG_BOOL(1);
	return run_row(run_dataset(catalog, dataset, options));
}

PG_ETL_ENTRY(etl_run_batch)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = text_arg(fcinfo, 0);
	require_utf8();
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	RunOptions options = options_of_call();
	// JSON compresses about seven to one: what fills the memory of a batch
	options.max_bytes = pg::Settings::current().batch_memory / 8;
	options.after_run = PG_GETARG_INT64(1);
	batch_error.reset();
	const RunResult result = try_run_dataset(catalog, dataset, options, &batch_error);
	const Datum row = run_row(result);
	// the one that finds nothing more only ends the loop: a first one stays, as etl_run's would
	if (!PG_GETARG_BOOL(2) && result.files == 0 && result.status == "succeeded")
	{
		const AsCatalogOwner owner;
		pg::execute("DELETE FROM etl.run WHERE run_id = $1", {pg::param(result.run_id)});
	}
	return row;
}

PG_ETL_ENTRY(etl_raise_batch_error)
{
	if (batch_error)
		throw pg::Error(*batch_error);
	throw pg::Error("55000", "etl.raise_batch_error() is internal to etl_load");
}

PG_ETL_ENTRY(etl_run_order)
{
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	for (const std::string &dataset : Catalog::load().run_order())
		result.add({pg::Cell::text(dataset)});
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_run_all)
{
	const ExclusiveCall exclusive_call(fcinfo);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const RunResult &run : run_all(catalog))
	{
		const pg::Rows rows =
			pg::query("SELECT * FROM etl.run WHERE run_id = $1", {pg::param(run.run_id)});
		result.add_tuple(rows.tuple(0));
	}
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_replay)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	require_utf8();
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	return run_row(replay_dataset(catalog, dataset));
}

PG_ETL_ENTRY(etl_define)
{
	const ExclusiveCall exclusive_call(fcinfo);
	pg::require_argument(fcinfo, 0, "definition");
	const std::string json = jsonb_text(PG_GETARG_DATUM(0));
	require_utf8();
	const pg::Spi spi;
	const Definition definition = read_definition(json);
	// two sessions that define at the same time: the second sees what the first has defined
	pg::execute("LOCK TABLE etl.dataset IN SHARE ROW EXCLUSIVE MODE");
	Catalog::load().refuse_conflicts(definition);
	if (creating_extension)
		check_tables(definition);
	else
	{
		// made now, they belong to the user; made inside CREATE EXTENSION, they would go with it
		ensure_tables(definition);
		warn_of_constraints(definition);
	}
	const pg::Param name = pg::param(definition.dataset), text = pg::param(json),
					schedule = pg::param(definition.schedule),
					standard = pg::param(bool(creating_extension));
	if (pg::execute("UPDATE etl.dataset SET definition = $2::jsonb, schedule = nullif($3, ''),"
					" standard = $4, defined_at = now() WHERE name = $1",
					{name, text, schedule, standard}) == 0)
		pg::execute("INSERT INTO etl.dataset (name, definition, schedule, standard)"
					" VALUES ($1, $2::jsonb, nullif($3, ''), $4)",
					{name, text, schedule, standard});
	const pg::Rows rows = pg::query("SELECT d FROM etl.dataset d WHERE name = $1", {name});
	bool null;
	const Datum value = rows.datum(0, 0, null);
	return pg::call([=] { return SPI_datumTransfer(value, false, -1); });
}

PG_ETL_ENTRY(etl_drop)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const pg::Spi spi;
	return BoolGetDatum(
		pg::execute("DELETE FROM etl.dataset WHERE name = $1", {pg::param(dataset)}) > 0);
}

PG_ETL_ENTRY(etl_require_dataset)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const pg::Spi spi;
	(void)Catalog::load().get(dataset);
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_read)
{
	const std::string path = readable_path(pg::required_text(fcinfo, 0, "path"));
	const pg::Settings settings = pg::Settings::current();
	pg::ResultSet result(fcinfo);
	try
	{
		FileReader reader(path, is_gzip(path), settings.max_file_size, 0);
		RecordSplitter splitter(settings.max_record_size, is_whole_json(path),
								[&](const RawRecord &raw)
								{
									const std::string text = storable_text(raw.text);
									result.add({pg::Cell::bigint(static_cast<int64_t>(raw.line)),
												pg::Cell::text(text)});
								});
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			splitter.feed({buffer.data(), got});
		splitter.finish();
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(), std::string("could not read staged file: ") + e.what(),
						"File \"" + storable_text(path) + "\".");
	}
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_validate)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	if (PG_ARGISNULL(1))
		return static_cast<Datum>(0); // no record, nothing to say about it
	const std::string json = jsonb_text(PG_GETARG_DATUM(1));
	Batch batch;
	batch.pieces.push_back(std::make_unique<Piece>());
	pg::ServerTypeInput type_input;
	RecordStager(definition, catalog.key_types(), nullptr, nullptr, &type_input)
		.stage({json, 1, false}, json.size(), 0, RowContext(), *batch.pieces[0]);
	// a key that only a quarantined record claims is taken for that record's own, which was mended
	batch.pieces[0]->records[0].quarantine_id = StagedRecord::any_quarantined;
	batch.collect();
	check(catalog, definition, batch, nullptr);
	MissingReferences(definition).tell_all(batch.records[0]);
	if (batch.records[0].record->violations)
		for (const Violation &v : *batch.records[0].record->violations)
			result.add({pg::Cell::text(code_name(v.code)), pg::Cell::text_or_null(v.keyword),
						pg::Cell::text(v.pointer), pg::Cell::text(v.schema_pointer),
						pg::Cell::text(v.sqlstate), pg::Cell::text(v.message)});
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_validate_file)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const std::string given = pg::required_text(fcinfo, 1, "path");
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	validate_file(catalog, definition, readable_path(given), result);
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_unclaimed_files)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const pg::Settings settings = pg::Settings::current();
	if (settings.raw_dir.empty())
		return static_cast<Datum>(0);
	const auto add = [&](const StagedFile &file)
	{
		const std::string name = file.name();
		std::string nearest = catalog.claimant(name);
		if (!nearest.empty() && file.partition)
			return;
		// the dataset whose file name begins most alike
		size_t best = 2;
		if (nearest.empty())
			for (const auto &[dataset, definition] : catalog.all())
				for (const std::string &claimed : definition.files)
				{
					const size_t alike = static_cast<size_t>(
						std::mismatch(name.begin(), name.end(), claimed.begin(), claimed.end())
							.first -
						name.begin());
					if (alike > best)
					{
						best = alike;
						nearest = dataset;
					}
				}
		const std::string path = storable_text(file.path);
		result.add({pg::Cell::text(path),
					pg::Cell::bigint(static_cast<int64_t>(file.identity.size)),
					// the file's clock counts from 1970, PostgreSQL's from 2000
					pg::Cell::timestamptz(file.identity.modified_ns / 1000 - unix_to_pg_epoch),
					pg::Cell::text_or_null(nearest), pg::Cell::null()});
	};
	const auto add_unreadable = [&](const UnreadableDirectory &directory)
	{
		result.add({pg::Cell::text(storable_text(directory.path)), pg::Cell::null(),
					pg::Cell::null(), pg::Cell::null(), pg::Cell::text(directory.error)});
	};
	for_staged_files(settings.raw_dir, add, add_unreadable);
	return static_cast<Datum>(0);
}
