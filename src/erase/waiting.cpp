// Takes requests that were not carried out when they came. Their people are known by pseudonyms
// only, and are searched for in the places that may name them. Also etl_erase_failed.
#include "erase/waiting.h"

#include <set>

#include "audit/journal.h"
#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/people.h"
#include "catalog/tombstone.h"
#include "erase/erasure_rows.h"
#include "erase/find_people.h"
#include "erase/hold.h"
#include "pg/arguments.h"
#include "pg/exclusive_call.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "publish/archive_mark.h"
#include "publish/recover.h"

namespace etl
{

constexpr char lock_waiting_requests_sql[] = R"(
SELECT erasure_id, coalesce(subject, ''), coalesce(email, ''), source,
       received_at,
       -- by which their records are recognised where their key stands nowhere any more
       untreated IS NOT NULL,
       coalesce((SELECT t.hash
                   FROM etl.tombstone t
                  WHERE t.erasure_id = e.erasure_id AND t.kind = 'subject'
                    AND e.untreated IS NOT NULL
                  LIMIT 1),
                0)
  FROM etl.erasure e
 WHERE dataset = $1 AND status = $2 AND waits_for IS NULL
 ORDER BY erasure_id
   FOR UPDATE OF e)";

constexpr char read_held_subjects_sql[] = R"(
SELECT subject, file_hash
  FROM etl.hold
 WHERE dataset = $1 AND subject IS NOT NULL AND file_hash IS NOT NULL)";

std::vector<ErasureRequest>
waiting_requests(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				 const std::string &status)
{
	const pg::Rows rows =
		pg::query(lock_waiting_requests_sql, {pg::param(dataset), pg::param(status)});
	std::vector<std::string> pseudonyms;
	for (uint64_t i = 0; i < rows.size(); ++i)
		pseudonyms.push_back(rows.text(i, 1));
	const std::vector<bool> waits =
		held(dataset, std::vector<std::string_view>(pseudonyms.begin(), pseudonyms.end()));
	Wanted wanted;
	for (uint64_t i = 0; i < rows.size(); ++i)
		if (!waits[i])
		{
			if (!pseudonyms[i].empty())
				wanted.subjects.insert(pseudonyms[i]);
			else if (!rows.text(i, 2).empty())
				wanted.emails.insert(rows.text(i, 2));
		}
	// the hold knows the hash of a person of whom only files are left
	const pg::Rows hashes = pg::query(read_held_subjects_sql, {pg::param(dataset)});
	for (uint64_t i = 0; i < hashes.size(); ++i)
		if (wanted.subjects.count(hashes.text(i, 0)) > 0)
			wanted.file_hashes[hashes.text(i, 0)] = static_cast<uint64_t>(hashes.integer(i, 1));
	const Found found = find_people(catalog, dataset, secret, wanted);
	std::vector<ErasureRequest> requests;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		if (waits[i])
			continue;
		ErasureRequest request;
		request.erasure_id = rows.integer(i, 0);
		request.pseudonym = pseudonyms[i];
		request.email_pseudonym = rows.text(i, 2);
		request.source = std::make_shared<const std::string>(rows.text(i, 3));
		request.received_at = rows.time(i, 4);
		request.untreated = rows.boolean(i, 5);
		const auto subject = found.subjects.find(request.pseudonym);
		const auto email = found.emails.find(request.email_pseudonym);
		if (subject != found.subjects.end())
			request.subject = subject->second;
		else if (request.pseudonym.empty() && email != found.emails.end())
			request.subject = email->second;
		// the person may be left only in records that name nobody where they should
		if (const auto hash = wanted.file_hashes.find(request.pseudonym);
			request.subject.empty() && hash != wanted.file_hashes.end())
			request.subject_hash = hash->second;
		if (request.subject.empty() && request.subject_hash == 0)
			request.subject_hash = static_cast<uint64_t>(rows.integer(i, 6));
		requests.push_back(std::move(request));
	}
	return requests;
}

namespace
{

/// Marks as duplicates the requests of people whose erasure was asked for again, and carried out,
/// since they failed.
void
mark_erased_since(const std::string &dataset, std::vector<ErasureRequest> &requests)
{
	std::vector<std::string_view> subjects, emails;
	for (const ErasureRequest &request : requests)
	{
		subjects.push_back(request.pseudonym);
		emails.push_back(request.email_pseudonym);
	}
	const std::vector<bool> by_subject = have_tombstones(dataset, "subject", subjects);
	const std::vector<bool> by_email = have_tombstones(dataset, "email", emails);
	std::set<std::string> seen; // a person may have asked, and failed, several times
	for (size_t i = 0; i < requests.size(); ++i)
	{
		const bool by_key = !requests[i].pseudonym.empty();
		const std::string &name = by_key ? requests[i].pseudonym : requests[i].email_pseudonym;
		// a request that was carried out except for some places has a tombstone of its own
		requests[i].duplicate = !seen.insert(name).second ||
								(!requests[i].untreated && (by_key ? by_subject[i] : by_email[i]));
	}
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_erase_failed)
{
	const ExclusiveCall exclusive_call(fcinfo);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	std::string only;
	if (!PG_ARGISNULL(0))
	{
		only = pg::text_argument(fcinfo, 0);
		people_definition(catalog, only);
	}
	// before people are looked up: data that another session is loading must be visible
	catalog = lock_people(catalog);
	require_journal_applied();
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	require_files_known(catalog, settings);
	const std::string secret = pg::secret(pg::KeyUse::keep);
	for (const auto &[dataset, definition] : catalog.all())
		recover(dataset, settings);
	for (const std::string &dataset : dropped_datasets())
		recover(dataset, settings);
	std::vector<int64_t> ids = complete_waiting_erasures();
	for (const auto &[dataset, definition] : catalog.all())
	{
		if (!only.empty() && dataset != only)
			continue;
		std::vector<ErasureRequest> requests = waiting_requests(catalog, dataset, secret, "failed");
		if (requests.empty())
			continue;
		mark_erased_since(dataset, requests);
		erase_subjects(catalog, dataset, secret, requests, settings);
		for (const ErasureRequest &request : requests)
			ids.push_back(request.erasure_id);
	}
	add_erasures(result, ids);
	return static_cast<Datum>(0);
}
