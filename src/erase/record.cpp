#include "erase/record.h"

#include <algorithm>

#include "core/identities.h"
#include "core/rewrite.h"
#include "erase/audit.h"
#include "erase/journal.h"
#include "erase/tombstone.h"
#include "run/run.h"

namespace etl
{

void
fill_pseudonyms(const std::string &dataset, const std::string &secret, ErasureRequest &request)
{
	if (request.pseudonym.empty() && !request.subject.empty())
		request.pseudonym = subject_pseudonym(secret, dataset, "subject", request.subject);
	if (request.email_pseudonym.empty() && !request.email.empty())
		request.email_pseudonym = subject_pseudonym(secret, dataset, "email", request.email);
}

namespace
{

void
insert_erasures(const std::string &dataset, const std::vector<ErasureRequest> &requests)
{
	std::vector<int64_t> ids, rows, files, conflicts;
	std::vector<std::string_view> sources, subjects, emails, statuses, received;
	for (const ErasureRequest &request : requests)
	{
		ids.push_back(request.erasure_id);
		sources.push_back(request.source);
		subjects.push_back(request.pseudonym);
		emails.push_back(request.email_pseudonym);
		statuses.push_back(request.status);
		rows.push_back(request.row_count);
		files.push_back(request.file_count);
		conflicts.push_back(request.conflict);
		received.push_back(request.received_at);
	}
	pg::execute(
		"INSERT INTO etl.erasure (erasure_id, dataset, received_at, source, subject, email, status,"
		" completed_at, row_count, file_count, conflict)"
		" SELECT r.id, $1, coalesce(nullif(r.received, '')::timestamptz, now()), r.source,"
		" nullif(r.subject, ''), nullif(r.email, ''), r.status,"
		" CASE WHEN r.status IN ('completed', 'not_found') THEN clock_timestamp() END,"
		" r.row_count, r.file_count, r.conflict <> 0"
		" FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
		" $8::bigint[], $9::bigint[], $10::text[])"
		" r(id, source, subject, email, status, row_count, file_count, conflict, received)"
		" ON CONFLICT (erasure_id) DO UPDATE SET status = excluded.status,"
		" completed_at = excluded.completed_at, row_count = excluded.row_count,"
		" file_count = excluded.file_count",
		{pg::param(dataset), pg::param_array(ids), pg::param_array(sources),
		 pg::param_array(subjects), pg::param_array(emails), pg::param_array(statuses),
		 pg::param_array(rows), pg::param_array(files), pg::param_array(conflicts),
		 pg::param_array(received)});
}

/// An entry for each place and request; requests that found nothing have one that says so.
void
audit(const std::vector<ErasureRequest> &requests, const ErasureReport &report)
{
	std::vector<AuditEntry> entries;
	for (const ErasedPlace &place : report.places)
		for (const auto &[person, rows] : place.rows)
			entries.push_back(
				{requests[person].erasure_id, "erase", place.place, place.columns, rows});
	for (const ErasureRequest &request : requests)
		if (request.status != "completed")
			entries.push_back({request.erasure_id, request.status, "etl.erasure", {}, 0});
	std::stable_sort(entries.begin(), entries.end(),
					 [](const AuditEntry &a, const AuditEntry &b)
					 { return a.erasure_id < b.erasure_id; });
	append_audit(entries);
}

} // namespace

void
record_erasures(const std::string &dataset, const std::string &secret,
				std::vector<ErasureRequest> &requests, ErasureReport &report)
{
	if (requests.empty())
		return;
	const Identities identities(secret);
	size_t fresh = 0;
	for (const ErasureRequest &request : requests)
		fresh += request.erasure_id == 0;
	const std::vector<int64_t> ids = allocate_ids("etl.erasure_erasure_id_seq", fresh);
	const std::string now = pg::query("SELECT to_char(now() AT TIME ZONE 'UTC',"
									  " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
								.text(0, 0);
	std::vector<NewTombstone> tombstones;
	std::vector<JournalErasure> journal;
	size_t next = 0;
	for (ErasureRequest &request : requests)
	{
		if (request.erasure_id == 0)
			request.erasure_id = ids[next++];
		if (request.received_at.empty())
			request.received_at = now;
		fill_pseudonyms(dataset, secret, request);
		if (request.status.empty())
			request.status = request.duplicate                                 ? "duplicate"
							 : request.held                                    ? "held"
							 : request.row_count > 0 || request.file_count > 0 ? "completed"
																			   : "not_found";
		JournalErasure line;
		line.erasure_id = request.erasure_id;
		line.dataset = dataset;
		line.subject = request.pseudonym;
		line.email = request.email_pseudonym;
		line.status = request.status;
		line.received_at = request.received_at;
		line.row_count = request.row_count;
		if (!request.subject.empty())
			request.subject_hash = identities.subject_hash(request.subject);
		if (!request.email.empty() && !request.conflict && !request.shared_email)
			request.email_hash = identities.email_hash(request.email);
		line.file_hash = request.subject_hash;
		line.email_hash = request.email_hash;
		journal.push_back(std::move(line));
		if (request.duplicate || request.held)
			continue;
		if (request.subject_hash != 0)
			tombstones.push_back(
				{"subject", request.pseudonym, request.subject_hash, request.erasure_id});
		if (request.email_hash != 0)
			tombstones.push_back(
				{"email", request.email_pseudonym, request.email_hash, request.erasure_id});
	}
	insert_erasures(dataset, requests);
	add_tombstones(dataset, tombstones);
	// who locks both, journal and audit trail, locks them in this order
	report.journal = append_journal(journal);
	audit(requests, report);
}

} // namespace etl
