#include "erase/hold.h"

#include "core/identities.h"
#include "core/rewrite.h"
#include "core/staged_file.h"
#include "erase/audit.h"
#include "erase/journal.h"
#include "erase/people.h"
#include "erase/record.h"
#include "erase/waiting.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/srf.h"
#include "run/archive_mark.h"
#include "run/exclusive_call.h"
#include "run/functions.h"
#include "run/run.h"

namespace etl
{

std::vector<bool>
held(const std::string &dataset, const std::vector<std::string_view> &pseudonyms)
{
	std::vector<bool> result(pseudonyms.size(), false);
	if (pg::query("SELECT 1 FROM etl.hold WHERE dataset = $1 AND released_at IS NULL LIMIT 1",
				  {pg::param(dataset)})
			.empty())
		return result;
	const pg::Rows rows =
		pg::query("SELECT p.i FROM unnest($2::text[]) WITH ORDINALITY p(subject, i)"
				  " WHERE EXISTS (SELECT FROM etl.hold h WHERE h.dataset = $1"
				  " AND h.released_at IS NULL AND (h.subject IS NULL OR h.subject = p.subject))",
				  {pg::param(dataset), pg::param_array(pseudonyms)});
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
		// one whose status is given comes from the journal: it was decided where it was made
		if (waits[i] && requests[i].status.empty() && !requests[i].duplicate)
			requests[i].held = true;
}

std::string
canonical_subject(const Catalog &catalog, const std::string &dataset, const std::string &subject)
{
	std::string json;
	append_json_string(json, subject);
	Document document;
	ParseError error;
	const std::string canonical = document.parse(json, error)
									  ? canonical_key_of(catalog, dataset, document.root())
									  : std::string();
	if (canonical.empty())
		throw pg::Error("22023", "the subject is no key of dataset \"" + dataset + "\"",
						catalog.key_types().count(dataset) > 0
							? "Its keys are of type " + catalog.key_types().at(dataset).sql + "."
							: "");
	return canonical;
}

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
		(void)catalog.get(dataset);
		pseudonym = subject_pseudonym(secret, dataset, "subject",
									  canonical_subject(catalog, dataset, subject));
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
	(void)catalog.get(dataset);
	return Int64GetDatum(static_cast<int64_t>(
		identities.subject_hash(canonical_subject(catalog, dataset, subject))));
}

PG_ETL_ENTRY(etl_release_hold)
{
	const ExclusiveCall exclusive_call(fcinfo);
	if (PG_ARGISNULL(0))
		throw pg::Error("22004", "the dataset must be given");
	const std::string dataset = pg::text_argument(fcinfo, 0);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	(void)catalog.get(dataset);
	// before anybody is looked up: what another session is loading must be there
	lock_for_erasure(catalog);
	require_journal_applied();
	require_files_known(catalog, pg::Settings::current());
	const std::string secret = pg::secret(pg::KeyUse::keep);
	std::string subject;
	if (!PG_ARGISNULL(1))
		subject =
			subject_pseudonym(secret, dataset, "subject",
							  canonical_subject(catalog, dataset, pg::text_argument(fcinfo, 1)));
	const pg::Rows released = pg::query(
		"UPDATE etl.hold SET released_at = clock_timestamp(), released_by = session_user"
		" WHERE dataset = $1 AND coalesce(subject, '') = $2 AND released_at IS NULL"
		" RETURNING to_char(released_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
		" released_by",
		{pg::param(dataset), pg::param(subject)});
	if (released.empty())
		throw pg::Error("42704",
						std::string(PG_ARGISNULL(1) ? "no hold on dataset \""
													: "no hold on this person of dataset \"") +
							dataset + "\"",
						"", "SELECT * FROM etl.hold WHERE released_at IS NULL; lists the holds.");
	JournalDecision decision;
	decision.action = "release";
	decision.dataset = dataset;
	decision.subject = subject;
	decision.at = released.text(0, 0);
	decision.actor = released.text(0, 1);
	append_journal(std::vector<JournalDecision>{std::move(decision)});
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
	const pg::Rows rows =
		pg::query("SELECT * FROM etl.erasure WHERE erasure_id = ANY ($1) ORDER BY erasure_id",
				  {pg::param_array(ids)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		result.add_tuple(rows.tuple(i));
	return static_cast<Datum>(0);
}
