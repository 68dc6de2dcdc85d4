// The SQL functions of an erasure: etl_erase, etl_reinstate, etl_subject, etl.fold_email.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/definitions.h"
#include "catalog/people.h"
#include "core/base/casefold.h"
#include "core/base/hash.h"
#include "core/base/malloc_tuning.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/json/write.h"
#include "core/privacy/email.h"
#include "core/privacy/key_ring.h"
#include "core/privacy/pseudonym.h"
#include "core/records/record_splitter.h"
#include "erase/eraser.h"
#include "erase/erasure_rows.h"
#include "erase/hold.h"
#include "erase/resolve_requests.h"
#include "load/quarantine.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "pg/writable.h"
#include "publish/archive_mark.h"

extern "C"
{
#include "access/htup_details.h"
#include "funcapi.h"
}

namespace etl
{

namespace
{

std::string
text_or_empty(FunctionCallInfo fcinfo, int n)
{
	return fcinfo->args[n].isnull ? std::string() : pg::text_argument(fcinfo, n);
}

/// The records in which a person is not searched for; etl_certificate says the same.
const std::vector<std::string> records_not_searched = {
	"records that name somebody else, and accepted records that name nobody",
	"keys as a part of a longer word or number (C55501, 55501-2, 55.501, 155501)",
	"keys in another base or in words, and keys that nobody is known to have or of less than four "
	"characters, where no member of the key's name holds them",
	"records longer than etl.max_record_size whose first 1,024 bytes do not name the person",
	"identifiers that are encoded (base64, HTML entities), encrypted, hashed, cut or misspelt"};

/// The plan of an erasure, for the administrator.
nlohmann::ordered_json
plan_json(const std::string &dataset, const std::string &secret, const ErasureReport &report,
		  const std::vector<ErasureRequest> &requests)
{
	nlohmann::ordered_json plan;
	nlohmann::ordered_json places = nlohmann::ordered_json::array();
	nlohmann::ordered_json unreached = nlohmann::ordered_json::array();
	int64_t rows = 0, files = 0, bytes = 0;
	std::map<std::pair<std::string, std::string>, const ErasedPlace *> sorted;
	std::map<std::pair<std::string, std::string>, int64_t> counts;
	for (const ErasedPlace &place : report.places)
	{
		sorted[{place.kind, place.place}] = &place;
		for (const auto &[person, count] : place.rows)
			counts[{place.kind, place.place}] += count;
	}
	for (const auto &[name, place] : sorted)
	{
		nlohmann::ordered_json entry{{"place", place->place},
									 {"kind", place->kind},
									 {"rows", counts[name]},
									 {"columns", place->columns}};
		if (place->kind == "table" || place->kind == "quarantine")
			rows += counts[name];
		else
		{
			entry["bytes"] = place->bytes;
			bytes += place->bytes;
			++files;
		}
		places.push_back(std::move(entry));
	}
	for (const auto &[place, reason] : report.unreached)
		unreached.push_back({{"place", place}, {"reason", reason}});
	for (const ErasureRequest &request : requests)
		if (request.held)
			unreached.push_back({{"place", "everywhere"}, {"reason", "legal hold (etl.hold)"}});
	nlohmann::ordered_json remarks = nlohmann::ordered_json::array();
	for (const auto &[place, remark] : report.remarks)
		remarks.push_back({{"place", place}, {"remark", remark}});
	// the hash is keyed, so that no one can test whether it fits a record that he guesses
	std::vector<std::string> lines = report.fingerprint;
	std::sort(lines.begin(), lines.end());
	std::string canonical = dataset + "\n";
	for (const ErasureRequest &request : requests)
		canonical += request.pseudonym + " " + request.email_pseudonym +
					 (request.duplicate ? " duplicate" : "") + (request.held ? " held" : "") + "\n";
	for (const std::string &line : lines)
		canonical += line + "\n";
	const auto mac = hmac_sha256(erasure_key(secret), "etl plan\n" + canonical);
	plan["hash"] = to_hex({reinterpret_cast<const char *>(mac.data()), mac.size()});
	plan["rows"] = rows;
	plan["files"] = files;
	plan["bytes"] = bytes;
	plan["places"] = std::move(places);
	plan["unreached"] = std::move(unreached);
	plan["remarks"] = std::move(remarks);
	plan["not_covered"] = {"backups", "replicas", "server logs",
						   "old row versions until etl_erasure_purge()"};
	plan["not_searched"] = records_not_searched;
	return plan;
}

constexpr char planned_erasure_sql[] = R"(
SELECT jsonb_populate_record(NULL::etl.erasure,
                             jsonb_build_object(
                                 'dataset', $1::text, 'received_at', now(), 'source', 'dry run',
                                 'subject', nullif($2, ''), 'email', nullif($3, ''),
                                 'status', $4::text, 'row_count', $5::bigint,
                                 'file_count', $6::bigint, 'conflict', $7::boolean,
                                 'plan', $8::jsonb)))";

/// A row of etl.erasure that is not in the table, for a dry run.
Datum
planned_row(const std::string &dataset, const ErasureRequest &request, bool untreated, int64_t rows,
			int64_t files, const std::string &plan)
{
	return pg::query_value(planned_erasure_sql, {pg::param(dataset), pg::param(request.pseudonym),
												 pg::param(request.email_pseudonym),
												 pg::param(request.duplicate         ? "duplicate"
														   : request.held            ? "held"
														   : untreated               ? "failed"
														   : rows == 0 && files == 0 ? "not_found"
																					 : "completed"),
												 pg::param(rows), pg::param(files),
												 pg::param(request.conflict), pg::param(plan)});
}

constexpr char read_erasure_sql[] = R"(SELECT e FROM etl.erasure e WHERE erasure_id = $1)";

Datum
erasure_row(int64_t erasure_id)
{
	return pg::query_value(read_erasure_sql, {pg::param(erasure_id)});
}

void
tell(const std::vector<ErasureRequest> &requests, const ErasureReport &report)
{
	const ErasureRequest &first = requests[0];
	if (requests.size() > 1)
		pg::notice(NOTICE, std::to_string(requests.size()) + " people have this email",
				   "All of them were asked to be erased; etl.erasure has a row for each.");
	if (first.duplicate)
		pg::notice(NOTICE, "erasure of this person was asked for before; nothing was changed", "",
				   "Data that have come since by other ways than pg_etl's are erased after "
				   "etl_reinstate.");
	if (first.conflict)
		pg::notice(NOTICE, "subject and email belong to different people",
				   "The subject was erased, the owner of the email was not.");
	if (!first.failure.empty())
		pg::notice(WARNING, "the request was not carried out: " + first.failure, "",
				   "Mend that, then SELECT * FROM etl_erase_failed();");
	warn_of_waiting(requests);
	if (first.held)
		pg::notice(NOTICE, "the request waits: the person or the dataset is on legal hold");
	for (const auto &[place, reason] : report.unreached)
		pg::notice(NOTICE, "\"" + place + "\" stays as it is: " + reason);
	for (const auto &[place, remark] : report.remarks)
		pg::notice(NOTICE, "\"" + place + "\": " + remark);
	if (!report.journal && !first.duplicate)
		pg::notice(NOTICE, "no erasure journal is kept",
				   "A restored backup brings the person back.",
				   "Set etl.journal_dir to a directory outside the data directory.");
}

/// The lines of the journal, one for each erasure that does not count any more. rows: the result of
/// reinstate_person_sql.
std::vector<JournalLine>
reinstatements(const std::string &dataset, const std::string &reason, const pg::Rows &rows)
{
	std::map<int64_t, JournalLine> decisions;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		JournalLine &decision = decisions[rows.integer(i, 0)];
		decision.kind = JournalLine::Kind::decision;
		decision.action = "reinstate";
		decision.dataset = dataset;
		decision.erasure_id = rows.integer(i, 0);
		(rows.boolean(i, 1) ? decision.email : decision.subject) = rows.text(i, 2);
		decision.received_at = rows.time(i, 3);
		decision.actor = rows.text(i, 4);
		decision.reason = reason;
	}
	std::vector<JournalLine> lines;
	for (auto &[erasure_id, decision] : decisions)
		lines.push_back(std::move(decision));
	return lines;
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_fold_email)
{
	return pg::text_datum(fold_email(pg::text_argument(fcinfo, 0)));
}

constexpr char note_plan_sql[] = R"(UPDATE etl.erasure SET plan = $2::jsonb WHERE erasure_id = $1)";

PG_ETL_ENTRY(etl_erase)
{
	const ExclusiveCall exclusive_call(fcinfo, ExclusiveCall::Kind::looks);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const std::string subject = text_or_empty(fcinfo, 1), email = text_or_empty(fcinfo, 2);
	pg::require_argument(fcinfo, 3, "dry_run");
	const bool dry_run = PG_GETARG_BOOL(3);
	if (!dry_run)
		pg::require_writable("etl_erase");
	const std::string expected = text_or_empty(fcinfo, 4);
	require_utf8();
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	people_definition(catalog, dataset);
	ErasureRequest request;
	request.source = std::make_shared<const std::string>("sql");
	request.email = fold_email(email);
	if (!subject.empty())
		request.subject = canonical_person(catalog, dataset, subject);
	if (request.subject.empty() && request.email.empty())
		throw pg::Error(sqlstate::null_value_not_allowed, "neither subject nor email is given", "",
						"SELECT etl_erase('" + dataset + "', subject => '…');");
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	const std::string secret = pg::secret(pg::KeyUse::keep);
	catalog = lock_people(catalog);
	// the journal may contain a hold or an erasure that a restored database does not have
	if (!dry_run)
		require_journal_applied();
	require_files_known(catalog, settings);
	std::vector<ErasureRequest> requests{request};
	KeySet seen;
	resolve_requests(catalog, dataset, secret, requests, seen);

	std::string plan;
	if (dry_run || !expected.empty())
	{
		std::vector<ErasureRequest> looked = requests;
		const ErasureReport report =
			erase_subjects(catalog, dataset, secret, looked, settings, true);
		const nlohmann::ordered_json json = plan_json(dataset, secret, report, looked);
		plan = json.dump();
		if (dry_run)
			return planned_row(dataset, looked[0], !report.untreated.empty(), json["rows"],
							   json["files"], plan);
		if (json["hash"] != expected)
			throw pg::Error(sqlstate::object_not_in_prerequisite_state,
							"the plan no longer fits: something has changed since",
							"Nothing was erased.",
							"Look at the new plan: SELECT (etl_erase('" + dataset +
								"', …, dry_run => true)).plan;");
	}
	const ErasureReport report = erase_subjects(catalog, dataset, secret, requests, settings);
	tell(requests, report);
	if (!plan.empty())
	{
		const AsCatalogOwner owner;
		pg::execute(note_plan_sql, {pg::param(requests[0].erasure_id), pg::param(plan)});
	}
	return erasure_row(requests[0].erasure_id);
}

constexpr char reinstate_person_sql[] = R"(
UPDATE etl.tombstone t
   SET reinstated_at = now(), reinstated_by = session_user, reason = $4
 WHERE t.dataset = $1 AND t.reinstated_at IS NULL
   AND t.erasure_id IN (WITH named AS (SELECT s.erasure_id
                                         FROM etl.tombstone s
                                        WHERE s.dataset = $1 AND s.reinstated_at IS NULL
                                          AND ((s.kind = 'subject' AND s.pseudonym = $2)
                                               OR (s.kind = 'email' AND s.pseudonym = $3)))
                        SELECT n.erasure_id
                          FROM named n
                         -- somebody who was erased by email first, and by key when they came
                         UNION
                        SELECT o.erasure_id
                          FROM named n
                          JOIN etl.erasure e ON e.erasure_id = n.erasure_id
                          JOIN etl.tombstone x ON x.dataset = $1 AND x.kind = 'email'
                               AND NOT x.weak AND x.reinstated_at IS NULL
                               AND x.pseudonym = e.email
                          JOIN etl.erasure o ON o.dataset = $1 AND o.email = e.email)
   AND t.kind <> 'known_email'
RETURNING t.erasure_id, t.kind = 'email', t.pseudonym,
          t.reinstated_at,
          t.reinstated_by::text)";

constexpr char reinstate_known_emails_sql[] = R"(
UPDATE etl.tombstone t
   SET reinstated_at = now(), reinstated_by = session_user, reason = $3
 WHERE t.dataset = $1 AND t.reinstated_at IS NULL AND t.kind = 'known_email'
   AND split_part(t.pseudonym, ':', 1) = ANY ($2))";

PG_ETL_ENTRY(etl_reinstate)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const std::string subject = text_or_empty(fcinfo, 1);
	const std::string email = fold_email(text_or_empty(fcinfo, 3));
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	people_definition(catalog, dataset);
	const std::string reason = required_reason(fcinfo, 2);
	if (subject.empty() && email.empty())
		throw pg::Error(sqlstate::null_value_not_allowed, "neither subject nor email is given", "",
						"SELECT etl_reinstate('" + dataset + "', subject => '…', reason => '…');");
	const std::string secret = pg::secret(pg::KeyUse::keep);
	catalog = lock_for_erasure(catalog);
	require_journal_applied();
	std::string by_subject, by_email;
	if (!subject.empty())
		by_subject = subject_pseudonym(secret, dataset, "subject",
									   canonical_person(catalog, dataset, subject));
	if (!email.empty())
		by_email = subject_pseudonym(secret, dataset, "email", email);
	// the statement takes the email of the same request together with the subject
	const AsCatalogOwner owner;
	const pg::Rows rows =
		pg::query(reinstate_person_sql, {pg::param(dataset), pg::param(by_subject),
										 pg::param(by_email), pg::param(reason)});
	if (rows.empty())
	{
		pg::notice(NOTICE, "this person was not erased; nothing was changed");
		return Int64GetDatum(0);
	}
	// the emails by which the person was known do not identify the person any more
	std::vector<std::string> subjects;
	for (uint64_t i = 0; i < rows.size(); ++i)
		if (!rows.boolean(i, 1))
			subjects.push_back(rows.text(i, 2));
	const uint64_t known = pg::execute(
		reinstate_known_emails_sql,
		{pg::param(dataset),
		 pg::param_array(std::vector<std::string_view>(subjects.begin(), subjects.end())),
		 pg::param(reason)});
	// a restored database must not treat the records of a person who has come back
	const std::vector<JournalLine> lines = reinstatements(dataset, reason, rows);
	append_journal(lines.size(), [&](size_t i) { return lines[i]; });
	append_audit({{rows.integer(0, 0),
				   "reinstate",
				   "etl.tombstone",
				   {},
				   static_cast<int64_t>(rows.size() + known)}});
	return Int64GetDatum(static_cast<int64_t>(rows.size()));
}

PG_ETL_ENTRY(etl_subject)
{
	// the function is not STRICT, because an empty result would read as "nothing is held"
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset"),
					  subject = pg::required_text(fcinfo, 1, "subject");
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	people_definition(catalog, dataset);
	std::vector<ErasureRequest> requests(1);
	requests[0].subject = canonical_person(catalog, dataset, subject);
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	const std::string secret = pg::secret(pg::KeyUse::look);
	Eraser eraser(catalog, dataset, secret, requests, settings, Eraser::Mode::collect);
	Document document;
	eraser.on_record(
		[&](const std::string &place, const std::string &text)
		{
			ParseError error;
			std::string other = storable_text(text);
			if (other == text)
				other = {}; // free the copy, which may be long
			const std::string &json = other.empty() ? text : other;
			const bool is_json = document.parse(json, error);
			if (json.size() > long_record_bytes)
			{
				document.release();
				give_back_freed_memory();
			}
			if (is_json && json.find("\\u0000") == std::string::npos)
			{
				result.add({pg::Cell::text(place), pg::Cell::jsonb(json)});
				return;
			}
			// text that is not JSON, or that jsonb cannot store, is returned as a JSON string
			std::string quoted;
			append_json_string(quoted, json);
			result.add({pg::Cell::text(place), pg::Cell::jsonb(quoted)});
		});
	eraser.run();
	for (const auto &[place, reason] : eraser.report().unreached)
		pg::notice(NOTICE, "\"" + place + "\" was not looked into: " + reason);
	for (const auto &[name, definition] : catalog.all())
		if (archive_state(name, settings).is_behind())
			pg::notice(WARNING,
					   "archived files of dataset \"" + name +
						   "\" are not known here and were not looked into",
					   "The database was restored from before them.",
					   "SELECT * FROM etl_reload(since => '-infinity');");
	for (const std::string &name : lost_datasets(catalog, settings))
		pg::notice(WARNING,
				   "archived files of dataset \"" + name +
					   "\" are not known here and were not looked into",
				   "The database was restored from before the dataset was defined.",
				   lost_dataset_hint);
	return static_cast<Datum>(0);
}
