// The SQL functions that run datasets and look at staged files.
#include <algorithm>
#include <optional>

#include <limits.h>
#include <stdlib.h>

#include "anonymize/person_match.h"
#include "anonymize/treatment_check.h"
#include "catalog/citus.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/pause.h"
#include "catalog/run_row.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/inside.h"
#include "core/records/file_name.h"
#include "core/records/partition.h"
#include "core/records/record_buffer.h"
#include "erase/personal_relations.h"
#include "load/batch.h"
#include "load/check.h"
#include "load/claim.h"
#include "load/load.h"
#include "load/missing_references.h"
#include "load/quarantine.h"
#include "load/row_partition.h"
#include "load/run_options.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/read_records.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "pg/type_input.h"
#include "publish/backlog.h"
#include "run/replay.h"
#include "run/run.h"
#include "run/run_all.h"

extern "C"
{
#include "catalog/pg_authid.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

std::string
text_arg(FunctionCallInfo fcinfo, int n)
{
	return pg::text_argument(fcinfo, n);
}

constexpr char row_of_run_sql[] = R"(SELECT r FROM etl.run r WHERE run_id = $1)";

/// The row of etl.run as a composite value that outlives SPI.
Datum
run_row(const RunResult &result)
{
	return pg::query_value(row_of_run_sql, {pg::param(result.run_id)});
}

/// The error that stopped etl_internal.run_batch() in its last call.
std::optional<pg::Error> batch_error;
/// The position of etl_load in its backlog.
std::optional<Backlog> backlog;

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
	const std::string made_storable =
		r.record->storable ? std::string() : storable_text(r.record->text);
	std::string_view record = r.record->storable ? r.record->text : made_storable;
	for (const Violation &v : *r.record->violations)
	{
		result.add({pg::Cell::bigint(static_cast<int64_t>(r.record->line)), pg::Cell::text(record),
					pg::Cell::text(code_name(v.code)), pg::Cell::text_or_null(v.keyword),
					pg::Cell::text(v.pointer), pg::Cell::text(v.message)});
		// a hundred copies of 16 MB would be written to disk
		if (record.size() > long_record_bytes)
			record = beginning(record, record.size());
	}
	missing.forget(r);
}

/// The dry run: stages and checks the file batch by batch, and writes nothing.
void
validate_file(const Catalog &catalog, const Definition &definition, const std::string &path,
			  pg::ResultSet &result)
{
	const pg::Settings settings = pg::Settings::current();
	FileTask task;
	task.path = path;
	task.gzip = is_gzip(path);
	task.whole_json = is_whole_json(path);
	task.root = 0; // the path is resolved: a link that is in it now was not there at the check
	const Partition partition = partition_of(path);
	task.context = {partition.pg_date(), static_cast<int16_t>(partition.hour), 0};
	StagerOptions options;
	options.memory = settings.batch_memory / 4;
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

constexpr char delete_run_sql[] = R"(DELETE FROM etl.run WHERE run_id = $1)";

PG_ETL_ENTRY(etl_run_batch)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = text_arg(fcinfo, 0);
	require_utf8();
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	RunOptions options = options_of_call();
	// JSON compresses about seven to one: these files fill the memory of a batch
	options.max_bytes = pg::Settings::current().batch_memory / 8;
	options.after_run = PG_GETARG_INT64(1);
	if (PG_GETARG_BOOL(2) || !backlog || !backlog->is(dataset, options.after_run))
		backlog.emplace(dataset, options.after_run);
	options.backlog = &*backlog;
	batch_error.reset();
	const RunResult result = try_run_dataset(catalog, dataset, options, &batch_error);
	if (batch_error || result.files == 0)
		backlog.reset();
	const Datum row = run_row(result);
	// the call that finds nothing more only ends the loop, so its run is deleted; the run of a
	// first call stays, as with etl_run
	if (!PG_GETARG_BOOL(2) && result.files == 0 && result.status == "succeeded")
	{
		const AsCatalogOwner owner;
		pg::execute(delete_run_sql, {pg::param(result.run_id)});
	}
	return row;
}

PG_ETL_ENTRY(etl_raise_batch_error)
{
	if (batch_error)
		throw pg::Error(*batch_error);
	throw pg::Error(sqlstate::object_not_in_prerequisite_state,
					"etl_internal.raise_batch_error() is internal to etl_load");
}

PG_ETL_ENTRY(etl_run_order)
{
	pg::ResultSet result(fcinfo, true);
	const pg::Spi spi;
	for (const std::string &dataset : Catalog::load().run_order())
		result.add({pg::Cell::text(dataset)});
	return static_cast<Datum>(0);
}

constexpr char read_run_sql[] = R"(SELECT * FROM etl.run WHERE run_id = $1)";

PG_ETL_ENTRY(etl_run_all)
{
	const ExclusiveCall exclusive_call(fcinfo);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	for (const RunResult &run : run_all(catalog))
	{
		const pg::Rows rows = pg::query(read_run_sql, {pg::param(run.run_id)});
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

namespace
{

/// Do both types give a key the same canonical text?
bool
spell_alike(const ColumnType &a, const ColumnType &b)
{
	const auto is_integer = [](TypeId id)
	{ return id == TypeId::smallint || id == TypeId::integer || id == TypeId::bigint; };
	return a.id == b.id || (is_integer(a.id) && is_integer(b.id));
}

/// The definition of the dataset that is in force, or was in force last. Null where none can be
/// read.
std::shared_ptr<const Definition>
last_definition(const Catalog &catalog, const std::string &dataset)
{
	if (const Definition *definition = catalog.find(dataset))
		return std::make_shared<const Definition>(*definition);
	std::shared_ptr<const Definition> last;
	for (const FormerDefinition &former : former_definitions())
		if (former.dataset == dataset && former.definition != nullptr)
			last = former.definition;
	return last;
}

constexpr char count_tombstones_and_holds_sql[] = R"(
SELECT (SELECT count(*)
          FROM etl.tombstone t
         WHERE t.dataset = $1 AND t.kind = 'subject' AND t.reinstated_at IS NULL),
       (SELECT count(*)
          FROM etl.hold h
         WHERE h.dataset = $1 AND h.subject IS NOT NULL AND h.released_at IS NULL))";

/// Throws 55000 where people were erased, or are on legal hold, by keys of a type that spells keys
/// in another way: under the new keys, erased people would come back and people on hold could be
/// erased.
void
refuse_other_keys(const Catalog &catalog, const Definition &definition)
{
	const std::shared_ptr<const Definition> last = last_definition(catalog, definition.dataset);
	if (last == nullptr || last->key_column() == nullptr || definition.key_column() == nullptr ||
		spell_alike(last->key_column()->type, definition.key_column()->type))
		return;
	const auto counted = [&]
	{
		const AsCatalogOwner owner;
		return pg::query(count_tombstones_and_holds_sql, {pg::param(definition.dataset)});
	};
	const pg::Rows rows = counted();
	const int64_t erased = rows.integer(0, 0), held = rows.integer(0, 1);
	if (erased + held > 0)
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"the key of dataset \"" + definition.dataset + "\" cannot become " +
							definition.key_column()->type.sql,
						std::to_string(erased) + " people were erased and " + std::to_string(held) +
							" are on legal hold by keys of type " + last->key_column()->type.sql +
							", which another type does not spell alike: they would not be "
							"recognised any more.",
						"Keep the type, or call etl_reinstate and etl_release_hold for them before "
						"and etl_erase and etl_hold after the change.");
}

/// Moves the notes on a table's rows to the new name of the table.
void
follow_renamed_table(const Catalog &catalog, const Definition &definition)
{
	const std::shared_ptr<const Definition> last = last_definition(catalog, definition.dataset);
	if (last == nullptr || last->tables.empty() || definition.tables.empty() ||
		find_table(last->tables[0]) || !find_table(definition.tables[0]))
		return;
	move_row_partitions(last->tables[0], definition.tables[0]);
}

constexpr char update_definition_sql[] = R"(
UPDATE etl.dataset
   SET definition = $2::jsonb, schedule = nullif($3, ''), standard = $4,
       defined_at = clock_timestamp()
 WHERE name = $1)";

constexpr char insert_definition_sql[] = R"(
INSERT INTO etl.dataset (name, definition, schedule, standard, defined_at)
VALUES ($1, $2::jsonb, nullif($3, ''), $4, clock_timestamp()))";

constexpr char row_of_dataset_sql[] = R"(SELECT d FROM etl.dataset d WHERE name = $1)";

} // namespace

PG_ETL_ENTRY(etl_define)
{
	const ExclusiveCall exclusive_call(fcinfo);
	pg::require_argument(fcinfo, 0, "definition");
	const std::string json = jsonb_text(PG_GETARG_DATUM(0));
	require_utf8();
	const pg::Spi spi;
	const Definition definition = read_definition(json);
	// when two sessions define at the same time, the second one must see what the first has defined
	pg::execute("LOCK TABLE etl.dataset IN SHARE ROW EXCLUSIVE MODE");
	// an erasure that is running does not know the dataset, so its first load must come later
	lock_definitions(true);
	const Catalog before = Catalog::load();
	before.refuse_conflicts(definition);
	refuse_inexact_subjects(before, definition);
	refuse_other_keys(before, definition);
	// tables and columns that only the old definition names still exist
	if (const Definition *old = before.find(definition.dataset))
		note_personal_relations(*old);
	note_former_definition(definition.dataset);
	follow_renamed_table(before, definition);
	if (creating_extension)
		check_tables(definition);
	else
	{
		// tables created now belong to the user; created inside CREATE EXTENSION, they would be
		// dropped with it
		ensure_tables(definition);
		warn_of_constraints(definition);
		warn_of_erased_people(before, definition);
	}
	const pg::Param name = pg::param(definition.dataset), text = pg::param(json),
					schedule = pg::param(definition.schedule),
					standard = pg::param(bool(creating_extension));
	if (pg::execute(update_definition_sql, {name, text, schedule, standard}) == 0)
		pg::execute(insert_definition_sql, {name, text, schedule, standard});
	return pg::query_value(row_of_dataset_sql, {name});
}

namespace
{

constexpr char read_definition_sql[] = R"(
SELECT definition::text FROM etl.dataset WHERE name = $1)";

/// Notes the dataset before it is dropped. Its tables, quarantine and files stay: an erasure must
/// be able to name the tables and to read the files.
void
note_before_drop(const std::string &dataset)
{
	const pg::Rows rows = pg::query(read_definition_sql, {pg::param(dataset)});
	std::optional<Definition> definition;
	try
	{
		if (!rows.empty())
			definition.emplace(read_definition(rows.text(0, 0)));
	}
	catch (const pg::Error &)
	{
		// a definition that cannot be read may be dropped
	}
	if (definition)
		note_personal_relations(*definition);
	note_former_definition(dataset);
}

constexpr char delete_dataset_sql[] = R"(DELETE FROM etl.dataset WHERE name = $1)";

} // namespace

PG_ETL_ENTRY(etl_drop)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const pg::Spi spi;
	note_before_drop(dataset);
	end_pause(dataset);
	return BoolGetDatum(pg::execute(delete_dataset_sql, {pg::param(dataset)}) > 0);
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
		FileReader reader(path, Content::staged, settings.max_file_size, 0);
		pg::for_each_record(reader, settings.max_record_size, is_whole_json(path),
							[&](const RawRecord &raw)
							{
								const std::string text = storable_text(raw.text);
								result.add({pg::Cell::bigint(static_cast<int64_t>(raw.line)),
											pg::Cell::text(text)});
							});
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
	catalog.require_parents(definition);
	refuse_citus_tables(definition);
	if (PG_ARGISNULL(1))
		return static_cast<Datum>(0); // there is no record to report on
	const std::string json = jsonb_text(PG_GETARG_DATUM(1));
	Batch batch;
	batch.pieces.push_back(std::make_unique<Piece>());
	pg::ServerTypeInput type_input;
	RecordStager(definition, catalog.key_types(), nullptr, nullptr, &type_input)
		.stage({json, 1, false}, json.size(), 0, RowContext(), *batch.pieces[0]);
	// a key that only a quarantined record claims is taken for this record's own key: the record
	// given may be a corrected copy of it
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
	catalog.require_parents(definition);
	refuse_citus_tables(definition);
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
		// the dataset whose file name has the longest common beginning
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
					// file times count from 1970, PostgreSQL's timestamps from 2000
					pg::Cell::timestamptz(file.identity.modified_ns / 1000 - unix_to_pg_epoch),
					pg::Cell::text_or_null(nearest), pg::Cell::null()});
	};
	const auto add_unreadable = [&](const UnreadableDirectory &directory)
	{
		result.add({pg::Cell::text(storable_text(directory.path)), pg::Cell::null(),
					pg::Cell::null(), pg::Cell::null(), pg::Cell::text(directory.error)});
	};
	const auto add_irregular = [&](const IrregularFile &file)
	{
		const std::string name = file.path.substr(file.path.rfind('/') + 1);
		result.add({pg::Cell::text(storable_text(file.path)), pg::Cell::null(), pg::Cell::null(),
					pg::Cell::text_or_null(catalog.claimant(name)), pg::Cell::text(file.what)});
	};
	for_staged_files(settings.raw_dir, add, add_unreadable, add_irregular);
	return static_cast<Datum>(0);
}
