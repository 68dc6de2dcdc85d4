#include "erase/hold.h"

#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/definitions.h"
#include "catalog/people.h"
#include "core/base/casefold.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/privacy/pseudonym.h"
#include "erase/erasure_rows.h"
#include "erase/find_people.h"
#include "erase/waiting.h"
#include "pg/arguments.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "publish/archive_mark.h"

namespace etl
{

constexpr char is_dataset_held_sql[] = R"(
SELECT 1 FROM etl.hold WHERE dataset = $1 AND released_at IS NULL LIMIT 1)";

constexpr char find_held_people_sql[] = R"(
SELECT p.i
  FROM unnest($2::text[]) WITH ORDINALITY p(subject, i)
 WHERE EXISTS (SELECT FROM etl.hold h
                WHERE h.dataset = $1 AND h.released_at IS NULL
                  AND (h.subject IS NULL OR h.subject = p.subject)))";

std::vector<bool>
held(const std::string &dataset, const std::vector<std::string_view> &pseudonyms)
{
	std::vector<bool> result(pseudonyms.size(), false);
	if (pg::query(is_dataset_held_sql, {pg::param(dataset)}).empty())
		return result;
	const pg::Rows rows =
		pg::query(find_held_people_sql, {pg::param(dataset), pg::param_array(pseudonyms)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		result[static_cast<size_t>(rows.integer(i, 0) - 1)] = true;
	return result;
}

void
mark_held(const std::string &dataset, const std::string &secret,
		  std::vector<ErasureRequest> &requests)
{
	const pg::MemoryScope memory;
	std::vector<std::string_view> pseudonyms;
	pseudonyms.reserve(requests.size());
	for (ErasureRequest &request : requests)
	{
		fill_pseudonyms(dataset, secret, request);
		pseudonyms.push_back(request.pseudonym);
	}
	const std::vector<bool> waits = held(dataset, pseudonyms);
	for (size_t i = 0; i < requests.size(); ++i)
		// a request with a status comes from the journal: it was decided in the database that wrote
		// it
		if (waits[i] && requests[i].status.empty() && !requests[i].duplicate)
			requests[i].held = true;
}

std::string
required_reason(FunctionCallInfo fcinfo, int n)
{
	const std::string given = PG_ARGISNULL(n) ? std::string() : pg::text_argument(fcinfo, n);
	const std::string_view reason = trim_unicode(given);
	if (reason.empty())
		throw pg::Error(
			sqlstate::null_value_not_allowed, "the reason must be given", "",
			"It is kept in the catalog and shown in reports; no personal data belongs in "
			"it.");
	if (reason.size() > limits::reason_bytes)
		throw pg::Error(sqlstate::string_data_right_truncation, "the reason is too long",
						"It may have " + std::to_string(limits::reason_bytes) + " bytes.");
	return std::string(reason);
}

namespace
{

/// A key of the dataset's own people, in the spelling that etl_erase uses.
std::string
person_of(const Catalog &catalog, const std::string &dataset, const std::string &subject)
{
	(void)people_definition(catalog, dataset);
	return canonical_person(catalog, dataset, subject);
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_subject_pseudonym)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	const std::string subject = pg::text_argument(fcinfo, 1);
	const std::string secret = pg::secret(pg::KeyUse::look);
	std::string pseudonym;
	{
		const pg::Spi spi;
		const Catalog catalog = Catalog::load();
		pseudonym =
			subject_pseudonym(secret, dataset, "subject", person_of(catalog, dataset, subject));
	}
	return pg::text_datum(pseudonym);
}

PG_ETL_ENTRY(etl_subject_hash)
{
	const std::string dataset = pg::text_argument(fcinfo, 0);
	const std::string subject = pg::text_argument(fcinfo, 1);
	const Identities identities(pg::secret(pg::KeyUse::look));
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	return Int64GetDatum(
		static_cast<int64_t>(identities.subject_hash(person_of(catalog, dataset, subject))));
}

PG_ETL_ENTRY(etl_require_reason)
{
	return pg::text_datum(required_reason(fcinfo, 0));
}

/// require_holdable(dataset, subject): throws where a hold on it cannot be placed.
PG_ETL_ENTRY(etl_require_holdable)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const Definition &definition = catalog.get(dataset);
	if (!PG_ARGISNULL(1))
		(void)person_of(catalog, dataset, pg::text_argument(fcinfo, 1));
	// a hold on a dataset of other datasets' people would protect no person; a hold on a dataset
	// about no people keeps its records
	else if (definition.subject || definition.erases)
		(void)people_definition(catalog, dataset);
	return static_cast<Datum>(0);
}

constexpr char release_hold_sql[] = R"(
UPDATE etl.hold
   SET released_at = clock_timestamp(), released_by = session_user
 WHERE dataset = $1 AND coalesce(subject, '') = $2 AND released_at IS NULL
RETURNING released_at, released_by)";

PG_ETL_ENTRY(etl_release_hold)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	(void)catalog.get(dataset);
	std::string person;
	if (!PG_ARGISNULL(1))
		person = person_of(catalog, dataset, pg::text_argument(fcinfo, 1));
	// before people are looked up: data that another session is loading must be visible
	catalog = lock_people(catalog);
	require_journal_applied();
	require_files_known(catalog, pg::Settings::current());
	const std::string secret = pg::secret(pg::KeyUse::keep);
	std::string subject;
	if (!PG_ARGISNULL(1))
		subject = subject_pseudonym(secret, dataset, "subject", person);
	const pg::Rows released = pg::query(release_hold_sql, {pg::param(dataset), pg::param(subject)});
	if (released.empty())
		throw pg::Error(sqlstate::undefined_object,
						std::string(PG_ARGISNULL(1) ? "no hold on dataset \""
													: "no hold on this person of dataset \"") +
							dataset + "\"",
						"", "SELECT * FROM etl.hold WHERE released_at IS NULL; lists the holds.");
	JournalLine decision;
	decision.kind = JournalLine::Kind::decision;
	decision.action = "release";
	decision.dataset = dataset;
	decision.subject = subject;
	decision.received_at = released.time(0, 0);
	decision.actor = released.text(0, 1);
	append_journal(decision);
	append_audit({{0, "release", dataset, {}, static_cast<int64_t>(released.size())}});
	std::vector<ErasureRequest> requests = waiting_requests(catalog, dataset, secret, "held");
	if (requests.empty())
		return static_cast<Datum>(0);
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	erase_subjects(catalog, dataset, secret, requests, settings);
	std::vector<int64_t> ids;
	for (const ErasureRequest &request : requests)
		ids.push_back(request.erasure_id);
	add_erasures(result, ids);
	return static_cast<Datum>(0);
}
