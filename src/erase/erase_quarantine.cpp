#include "erase/erase_quarantine.h"

#include <memory>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "catalog/indexed_as.h"
#include "catalog/people.h"
#include "core/base/hash.h"
#include "core/definition/definition.h"
#include "core/privacy/refused_record.h"
#include "load/quarantine.h"
#include "load/writing_quarantine.h"
#include "pg/limits.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

std::string
hex_hash(const std::string &bytes)
{
	const auto hash = sha256(bytes);
	return to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

/// The reasons of a refusal, as in etl.quarantine.violations, without the names of members that are
/// removed from the record. A violation's pointer contains such names, and its message begins with
/// the pointer.
std::string
without_names(const std::string &violations, const RefusedRecord &names)
{
	nlohmann::ordered_json json = nlohmann::ordered_json::parse(violations);
	bool is_changed = false;
	for (nlohmann::ordered_json &violation : json)
	{
		const std::string pointer = violation.value("pointer", "");
		const std::string treated = names.treat_pointer(pointer);
		if (treated == pointer)
			continue;
		const std::string message = violation.value("message", "");
		violation["pointer"] = treated;
		if (message.starts_with(pointer + ": "))
			violation["message"] = treated + message.substr(pointer.size());
		else if (message.find(pointer) != std::string::npos)
			violation["message"] = treated + ": " + violation.value("keyword", "");
		is_changed = true;
	}
	return is_changed ? json.dump() : violations;
}

constexpr char write_treated_rows_sql[] = R"(
UPDATE etl.quarantine q
   SET record = r.record, record_bytes = NULL, violations = r.violations::jsonb,
       status = CASE q.status WHEN 'open' THEN 'erased' ELSE q.status END,
       key = CASE WHEN NOT $3 THEN q.key END, subject = CASE WHEN NOT $3 THEN q.subject END
  FROM unnest($1::bigint[], $2::text[], $4::text[]) r(id, record, violations)
 WHERE q.quarantine_id = r.id)";

constexpr char delete_references_sql[] = R"(
DELETE FROM etl.quarantine_reference r
 USING unnest($1::bigint[]) g(id)
 WHERE r.quarantine_id = g.id)";

/// Treated records, to be written back.
struct Treated
{
	std::vector<int64_t> ids;
	std::vector<std::string> records, violations;
	size_t bytes = 0;

	void add(int64_t id, std::string record, std::string why)
	{
		ids.push_back(id);
		bytes += record.size() + why.size();
		records.push_back(std::move(record));
		violations.push_back(std::move(why));
	}
	bool many() const
	{
		return ids.size() >= limits::treated_records || bytes >= limits::quarantine_bytes;
	}
	/// forget_key: the record is a request, whose key is an identifier.
	void write(bool forget_key)
	{
		if (ids.empty())
			return;
		const WritingQuarantine writing;
		// a released record stays released: its line is in a processed file, and replays rely on
		// that; a record that was given up by hand stays given up
		pg::execute(
			write_treated_rows_sql,
			{pg::param_array(ids),
			 pg::param_array(std::vector<std::string_view>(records.begin(), records.end())),
			 pg::param(forget_key),
			 pg::param_array(std::vector<std::string_view>(violations.begin(), violations.end()))});
		// a record that was removed as a whole waits for no reference; a treated one still does
		std::vector<int64_t> gone;
		for (size_t i = 0; i < ids.size(); ++i)
			if (records[i] == erased_text)
				gone.push_back(ids[i]);
		if (!gone.empty())
			pg::execute(delete_references_sql, {pg::param_array(gone)});
		ids.clear();
		records.clear();
		violations.clear();
		bytes = 0;
	}
};

/// Treats quarantined records that came under one definition.
struct DefinitionEraser
{
	ReadingEraser eraser;
	RefusedRecord names;
	std::optional<ReadingEraser> strangers;

	DefinitionEraser(Erasure &erasure, const Reading &reading, const std::vector<PeopleKey> &keys)
		: eraser(reading, erasure.catalog.key_types(), erasure.people.identities(), erasure.secret,
				 erasure.dataset, RecordEraser::Options{true, false, &erasure.type_input}, keys),
		  names(*reading.steps.front().whole, erasure.catalog.key_types(), nullptr)
	{
		const Identities &unknown = erasure.people.strangers();
		if (unknown.has_subjects())
			strangers.emplace(reading, erasure.catalog.key_types(), unknown, erasure.secret,
							  erasure.dataset, RecordEraser::Options(), keys);
	}
};

/// Treats quarantined records of a dataset, each by the definition under which its file came.
class DefinitionErasers
{
  public:
	DefinitionErasers(Erasure &erasure, const std::string &dataset)
		: erasure_(erasure), dataset_(dataset), keys_(people_keys(erasure.catalog, erasure.dataset))
	{
	}
	/// defined_at: nullopt: not known.
	DefinitionEraser &of(std::optional<int64_t> defined_at)
	{
		static const Definition undefined;
		static const Reading unread{{{&undefined, &undefined}}};
		const Reading *reading = erasure_.readings.of(dataset_, defined_at);
		if (reading == nullptr)
			reading = &unread;
		auto &eraser = erasers_[reading];
		if (eraser == nullptr)
			eraser = std::make_unique<DefinitionEraser>(erasure_, *reading, keys_);
		return *eraser;
	}

  private:
	Erasure &erasure_;
	const std::string &dataset_;
	const std::vector<PeopleKey> keys_;
	std::map<const Reading *, std::unique_ptr<DefinitionEraser>> erasers_;
};

constexpr char datasets_in_quarantine_sql[] = R"(
SELECT DISTINCT dataset FROM etl.quarantine ORDER BY 1)";

std::set<std::string>
datasets_in_quarantine()
{
	std::set<std::string> datasets;
	const pg::Rows rows = pg::query(datasets_in_quarantine_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
		datasets.insert(rows.text(i, 0));
	return datasets;
}

} // namespace

void
QuarantineEraser::erase()
{
	const std::set<std::string> datasets = datasets_in_quarantine();
	// first all records that name the people: the emails in them are then searched for in records
	// that name nobody
	for (const std::string &name : datasets)
		if (erasure_.readings.is_related(name) && !people_.subjects().empty())
			erase_records(name, "q.subject = ANY ($2)");
	people_.find_known(erasure_.readings);
	find_mended_files();
	for (const std::string &name : datasets)
	{
		erase_unnamed_of(name);
		// the email of a request may stand in a record with a key of its own, and the key of a
		// request in a record that named another person by another definition
		const bool has_emails =
			erasure_.readings.has_emails(name) && people_.identities().has_emails();
		if (has_emails || may_be_named_otherwise(name))
			erase_records(name, "q.subject <> ALL ($2)");
	}
	remark_strangers();
}

/// The index of people was not updated to the definition in force yet, so etl.quarantine.subject
/// may be what another definition said.
bool
QuarantineEraser::may_be_named_otherwise(const std::string &dataset) const
{
	const Definition *last =
		erasure_.readings.is_related(dataset) ? erasure_.readings.last(dataset) : nullptr;
	return last != nullptr && !all_indexed(erasure_.catalog, *last);
}

void
QuarantineEraser::erase_unnamed_of(const std::string &dataset)
{
	erase_records(dataset, "q.subject IS NULL AND cardinality($2) >= 0");
}

void
QuarantineEraser::erase_unnamed()
{
	for (const std::string &name : datasets_in_quarantine())
		erase_unnamed_of(name);
}

void
QuarantineEraser::remark_strangers()
{
	if (stranger_records_ > 0)
		erasure_.report.remarks.emplace_back(
			"etl.quarantine",
			std::to_string(stranger_records_) +
				(stranger_records_ == 1 ? " refused record that names nobody holds"
										: " refused records that name nobody hold") +
				" a key as a word that nobody is known to have: it was looked for only where a "
				"record should name a person, and in members of the key's name");
}

void
QuarantineEraser::erase_records(const std::string &dataset, const std::string &condition)
{
	DefinitionErasers erasers(erasure_, dataset);
	ErasedPlace place;
	place.place = "etl.quarantine";
	place.kind = "quarantine";
	place.columns = {"record"};
	Treated treated;
	pg::Cursor cursor("SELECT q.quarantine_id, q.record, coalesce(q.file_id, 0),"
					  " q.violations::text, r.defined_at"
					  " FROM etl.quarantine q LEFT JOIN etl.file f USING (file_id)"
					  // by the definition under which the file came: a replay under another one may
					  // have refused the record again
					  " LEFT JOIN etl.run r ON r.run_id = coalesce(f.run_id, q.run_id)"
					  " WHERE q.dataset = $1 AND q.record IS NOT NULL AND " +
						  condition + " ORDER BY q.quarantine_id",
					  {pg::param(dataset), people_.texts()});
	const Definition *last = erasure_.readings.last(dataset);
	const bool forget_key = last != nullptr && erasure_.asks(*last);
	const auto treat = [&](const pg::Rows &rows, uint64_t i)
	{
		const int64_t id = rows.integer(i, 0);
		const std::string record = rows.text(i, 1);
		std::string out;
		DefinitionEraser &by =
			erasers.of(rows.is_null(i, 4) ? std::nullopt : std::optional(rows.integer(i, 4)));
		const uint32_t person = erasure_.mode == Erasure::Mode::collect
									? by.eraser.whose(record)
									: by.eraser.erase(record, out);
		if (person == Identities::nobody)
		{
			if (by.strangers && by.strangers->whose(record) != Identities::nobody)
				++stranger_records_;
			return;
		}
		note_found(place, dataset, person, rows.integer(i, 2));
		if (by.eraser.known_email() != 0)
			people_.add_known_email(person, by.eraser.known_email());
		if (erasure_.mode == Erasure::Mode::collect)
			erasure_.sink("etl.quarantine", record);
		else if (erasure_.mode == Erasure::Mode::look)
			erasure_.report.fingerprint.push_back("etl.quarantine " + std::to_string(id) + " " +
												  hex_hash(record));
		else
			treated.add(id, std::move(out), without_names(rows.text(i, 3), by.names));
		if (treated.many())
			treated.write(forget_key);
	};
	cursor.for_each(limits::fetched_records, treat);
	treated.write(forget_key);
	if (!place.rows.empty())
		erasure_.report.places.push_back(std::move(place));
}

constexpr char find_files_that_named_nobody_sql[] = R"(
SELECT DISTINCT dataset, file_id
  FROM etl.quarantine
 WHERE named_nobody AND file_id IS NOT NULL)";

/// Archived files contain records as they were delivered. When a record named nobody, or another
/// person, and was then corrected by hand, quarantine no longer says who it named.
void
QuarantineEraser::find_mended_files()
{
	find_mended_lines();
	const pg::Rows rows = pg::query(find_files_that_named_nobody_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
		files_.of_dataset[rows.text(i, 0)].insert(rows.integer(i, 1));
}

constexpr char find_mended_lines_sql[] = R"(
SELECT dataset, file_id, line, subject
  FROM etl.quarantine
 WHERE subject = ANY ($1) AND mended_at IS NOT NULL AND file_id IS NOT NULL
   AND line IS NOT NULL)";

void
QuarantineEraser::find_mended_lines()
{
	if (people_.subjects().empty())
		return;
	const pg::Rows rows = pg::query(find_mended_lines_sql, {people_.texts()});
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::optional<uint32_t> person = people_.request_of(rows.text(i, 3));
		if (!person || !erasure_.readings.is_related(rows.text(i, 0)))
			continue;
		files_.of_dataset[rows.text(i, 0)].insert(rows.integer(i, 1));
		files_.mended_lines[rows.integer(i, 1)].emplace(static_cast<uint64_t>(rows.integer(i, 2)),
														*person);
	}
}

void
QuarantineEraser::note_found(ErasedPlace &place, const std::string &dataset, uint32_t person,
							 int64_t file_id)
{
	++place.rows[person];
	++erasure_.requests[person].row_count;
	if (file_id != 0)
		files_.of_dataset[dataset].insert(file_id);
}

} // namespace etl
