// User actions on quarantined records: an UPDATE corrects a record, which the trigger function
// etl_internal.note_mended notes, and etl_discard gives a record up.
#include <algorithm>
#include <optional>
#include <string>

#include "audit/trail.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/staging/staged_record.h"
#include "erase/hold.h"
#include "load/quarantine.h"
#include "load/writing_quarantine.h"
#include "pg/arguments.h"
#include "pg/call_cache.h"
#include "pg/copy_rows.h"
#include "pg/exclusive_call.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/type_input.h"
#include "run/may_call.h"

extern "C"
{
#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
}

namespace pg
{

namespace
{

bool
is_trigger_call(FunctionCallInfo fcinfo)
{
	return CALLED_AS_TRIGGER(fcinfo);
}

} // namespace

} // namespace pg

namespace etl
{

namespace
{

/// What the definitions say of corrected records: their keys and the people they are about. Kept
/// for one statement.
class MendedRecords
{
  public:
	struct Names
	{
		std::optional<std::string> key, subject;
	};

	MendedRecords() : max_record_size_(pg::Settings::current().max_record_size)
	{
		const pg::Spi spi;
		const AsCatalogOwner owner;
		catalog_ = Catalog::load();
	}

	Names names(const std::string &dataset, std::string text)
	{
		const Definition *definition = catalog_.find(dataset);
		if (definition == nullptr || text.size() > max_record_size_)
			return {};
		// the text as a replay reads it
		std::replace(text.begin(), text.end(), '\n', ' ');
		const size_t size = text.size();
		text.append(Document::padding, '\0');
		Piece piece;
		RecordStager(*definition, catalog_.key_types(), nullptr, nullptr, &type_input_)
			.stage({std::string_view(text).substr(0, size), 1, false}, text.size(), 0, RowContext(),
				   piece);
		const StagedRecord &record = piece.records.at(0);
		return {indexed(record.key), indexed(record.subject)};
	}

  private:
	static std::optional<std::string> indexed(std::string_view key)
	{
		if (key.data() == nullptr || key.size() > limits::indexed_key_bytes)
			return std::nullopt;
		return std::string(key);
	}

	const size_t max_record_size_;
	Catalog catalog_;
	pg::ServerTypeInput type_input_;
};

/// A row of etl.quarantine in a trigger.
class Row
{
  public:
	Row(Relation relation, HeapTuple tuple) : relation_(relation), tuple_(tuple) {}

	std::optional<std::string> value(const char *column) const
	{
		bool null;
		const Datum stored = datum(column, null);
		if (null)
			return std::nullopt;
		return std::string(pg::call([=] { return TextDatumGetCString(stored); }));
	}
	/// The size of a text in bytes, without reading the text.
	size_t size(const char *column) const
	{
		bool null;
		const Datum stored = datum(column, null);
		return null ? 0 : pg::call([=] { return toast_raw_datum_size(stored) - VARHDRSZ; });
	}
	int64_t integer(const char *column) const
	{
		bool null;
		const Datum value = datum(column, null);
		return null ? 0 : DatumGetInt64(value);
	}
	bool boolean(const char *column) const
	{
		bool null;
		const Datum value = datum(column, null);
		return !null && DatumGetBool(value);
	}

  private:
	Datum datum(const char *column, bool &null) const
	{
		return pg::call(
			[&, column]
			{
				return SPI_getbinval(tuple_, RelationGetDescr(relation_),
									 SPI_fnumber(RelationGetDescr(relation_), column), &null);
			});
	}

	Relation relation_;
	HeapTuple tuple_;
};

/// The row with new values for the columns that follow from the record.
HeapTuple
changed_row(Relation relation, HeapTuple tuple, const MendedRecords::Names &names,
			bool named_nobody)
{
	const char *key = names.key ? names.key->c_str() : nullptr;
	const char *subject = names.subject ? names.subject->c_str() : nullptr;
	return pg::call(
		[=]
		{
			constexpr int count = 5;
			const char *const columns[count] = {"key", "subject", "mended_at", "mended_by",
												"named_nobody"};
			int numbers[count];
			for (int i = 0; i < count; ++i)
				numbers[i] = SPI_fnumber(RelationGetDescr(relation), columns[i]);
			Datum values[count] = {
				key != nullptr ? CStringGetTextDatum(key) : Datum(0),
				subject != nullptr ? CStringGetTextDatum(subject) : Datum(0),
				TimestampTzGetDatum(GetCurrentTimestamp()),
				CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false)),
				BoolGetDatum(named_nobody)};
			bool nulls[count] = {key == nullptr, subject == nullptr, false, false, false};
			return heap_modify_tuple_by_cols(tuple, RelationGetDescr(relation), count, numbers,
											 values, nulls);
		});
}

/// Throws unless the quarantined record, which the transaction has locked, can be given up.
void
require_discardable(int64_t id, const pg::Rows &rows)
{
	if (rows.empty())
		throw pg::Error(sqlstate::undefined_object,
						"there is no quarantined record " + std::to_string(id), "",
						"SELECT quarantine_id, dataset, code FROM etl.quarantine WHERE status = "
						"'open'; lists them.");
	const std::string status = rows.text(0, 0);
	if (status != "open" && !(status == "erased" && rows.boolean(0, 1)))
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"quarantined record " + std::to_string(id) + " is not open",
						"Its status is " + status + ".");
}

} // namespace

} // namespace etl

using namespace etl;

/// BEFORE UPDATE OF record ON etl.quarantine FOR EACH ROW: sets the columns that follow from the
/// record.
PG_ETL_ENTRY(etl_note_mended)
{
	if (!pg::is_trigger_call(fcinfo))
		throw pg::Error(sqlstate::trigger_protocol_violated,
						"etl_internal.note_mended() can only be called as a trigger");
	const TriggerData *data = reinterpret_cast<const TriggerData *>(fcinfo->context);
	if (!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(data->tg_event) ||
		RelationGetRelid(data->tg_relation) != catalog_table("etl.quarantine"))
		throw pg::Error(sqlstate::trigger_protocol_violated,
						"etl_internal.note_mended() is the trigger of etl.quarantine");
	if (WritingQuarantine::at_work())
		return PointerGetDatum(data->tg_newtuple);
	const Row before(data->tg_relation, data->tg_trigtuple);
	const Row after(data->tg_relation, data->tg_newtuple);
	if (const std::string status = before.value("status").value_or(""); status != "open")
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"quarantined record " + std::to_string(before.integer("quarantine_id")) +
							" is not open",
						"Its status is " + status + ": there is nothing to be mended.",
						"Mend records with status 'open'.");
	if (const size_t size = after.size("record"), most = pg::Settings::current().max_record_size;
		size > most)
		throw pg::Error(sqlstate::program_limit_exceeded,
						"quarantined record " + std::to_string(before.integer("quarantine_id")) +
							" cannot be mended by a record that long",
						"It would have " + std::to_string(size) +
							" bytes; etl.max_record_size is " + std::to_string(most) +
							" bytes, and a replay reads no more.",
						"Mend it by a shorter one, or raise etl.max_record_size.");
	MendedRecords &records =
		pg::call_cache<MendedRecords>(fcinfo, [] { return std::make_unique<MendedRecords>(); });
	MendedRecords::Names names;
	if (const std::optional<std::string> record = after.value("record"))
		names = records.names(after.value("dataset").value_or(""), *record);
	const std::optional<std::string> named_before = before.value("subject");
	const bool named_nobody =
		before.boolean("named_nobody") || !named_before || named_before != names.subject;
	return PointerGetDatum(changed_row(data->tg_relation, data->tg_newtuple, names, named_nobody));
}

constexpr char dataset_of_row_sql[] = R"(
SELECT dataset FROM etl.quarantine WHERE quarantine_id = $1)";

constexpr char state_of_row_sql[] = R"(
SELECT q.status,
       EXISTS (SELECT FROM etl.quarantine_reference r WHERE r.quarantine_id = q.quarantine_id)
  FROM etl.quarantine q
 WHERE q.quarantine_id = $1)";

constexpr char is_request_sql[] = R"(
SELECT FROM etl.quarantine q
  JOIN etl_internal.definitions() d ON d.dataset = q.dataset
 WHERE q.quarantine_id = $1 AND d.erased_dataset IS NOT NULL)";

constexpr char discard_references_sql[] = R"(
DELETE FROM etl.quarantine_reference WHERE quarantine_id = $1)";

constexpr char discard_row_sql[] = R"(
UPDATE etl.quarantine SET status = 'discarded', reason = $2 WHERE quarantine_id = $1)";

constexpr char read_row_sql[] = R"(SELECT q FROM etl.quarantine q WHERE quarantine_id = $1)";

/// etl_discard(quarantine_id bigint, reason text)
PG_ETL_ENTRY(etl_discard)
{
	const ExclusiveCall exclusive_call(fcinfo);
	pg::require_argument(fcinfo, 0, "quarantine_id");
	const int64_t id = PG_GETARG_INT64(0);
	const std::string reason = required_reason(fcinfo, 1);
	const pg::Spi spi;
	const pg::Param number = pg::param(id);
	// runs and replays of the dataset may be using the record
	{
		const pg::Rows rows = pg::query(dataset_of_row_sql, {number});
		if (!rows.empty())
			lock_dataset(rows.text(0, 0), true);
	}
	require_discardable(id, pg::query(state_of_row_sql, {number}));
	// a request belongs to a person, and the time limit to answer it is running: to discard it
	// means to refuse it
	if (!pg::query(is_request_sql, {number}).empty() && !may_call("etl_refuse"))
		throw pg::Error(sqlstate::insufficient_privilege,
						"permission denied to discard a request for erasure",
						"Quarantined record " + std::to_string(id) +
							" is one; only who may call etl_refuse may discard it.");
	{
		const WritingQuarantine writing;
		pg::execute(discard_references_sql, {number});
		pg::execute(discard_row_sql, {number, pg::param(reason)});
	}
	append_audit({{0, "discard", "etl.quarantine", {}, 1}});
	return pg::query_value(read_row_sql, {number});
}
