#include "erase/erasure_rows.h"

#include <algorithm>
#include <deque>
#include <span>

#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/sequence.h"
#include "catalog/tombstone.h"
#include "core/json/write.h"
#include "core/privacy/identities.h"
#include "core/privacy/pseudonym.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"

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

using Requests = std::span<const ErasureRequest>;

/// [{"place": …, "remark": …}], "" when there are none: what the certificate says beside the
/// treated places.
std::string
remarks_json(const ErasureReport &report)
{
	std::string json;
	for (const auto *list : {&report.unreached, &report.remarks})
		for (const auto &[place, remark] : *list)
		{
			json += json.empty() ? "[{\"place\": " : ", {\"place\": ";
			append_json_string(json, place);
			json += ", \"remark\": ";
			append_json_string(json, remark);
			json += "}";
		}
	return json.empty() ? json : json + "]";
}

bool
is_settled(std::string_view status)
{
	return status == "completed" || status == "not_found";
}

bool
concerns(const ErasureReport::Untreated &untreated, size_t request)
{
	return untreated.people.empty() || untreated.people.count(request) > 0;
}

/// The places that concern the request, as a PostgreSQL array literal; "" when there are none.
std::string
untreated_places(const ErasureReport &report, size_t request)
{
	std::string array;
	for (const ErasureReport::Untreated &untreated : report.untreated)
	{
		if (!concerns(untreated, request))
			continue;
		array += array.empty() ? "{\"" : ",\"";
		for (const char c : untreated.place)
			array += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
		array += '"';
	}
	return array.empty() ? array : array + "}";
}

constexpr char insert_erasures_sql[] = R"(
INSERT INTO etl.erasure AS e (erasure_id, dataset, received_at, source, subject, email, status,
                              completed_at, row_count, file_count, conflict, remarks, error,
                              untreated)
SELECT r.id, $1, coalesce(nullif(r.received, '')::timestamptz, now()), r.source,
       nullif(r.subject, ''), nullif(r.email, ''), r.status,
       CASE WHEN r.status IN ('completed', 'not_found') THEN clock_timestamp() END, r.row_count,
       r.file_count, r.conflict <> 0, CASE WHEN r.treated <> 0 THEN nullif($11, '')::jsonb END,
       CASE WHEN r.status = 'failed' THEN nullif(r.failure, '') END, nullif(r.untreated, '')::text[]
  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
              $8::bigint[], $9::bigint[], $10::text[], $12::text[], $13::bigint[], $14::text[])
       r(id, source, subject, email, status, row_count, file_count, conflict, received, failure,
         treated, untreated)
ON CONFLICT (erasure_id) DO UPDATE SET status =
       -- of one that was treated but for some places before, the rest may hold nothing
       CASE WHEN excluded.status = 'not_found' AND e.untreated IS NOT NULL
                 AND e.row_count + e.file_count > 0
            THEN 'completed'
            ELSE excluded.status END,
       completed_at = excluded.completed_at,
       row_count = greatest(excluded.row_count,
                            CASE WHEN e.untreated IS NOT NULL THEN e.row_count END),
       file_count = greatest(excluded.file_count,
                             CASE WHEN e.untreated IS NOT NULL THEN e.file_count END),
       remarks = excluded.remarks, error = excluded.error, waits_for = NULL,
       untreated = excluded.untreated,
       -- of one that waited: this transaction treats, and what it leaves is to be purged
       xid = excluded.xid, purged_at = NULL)";

/// from: the index of the first of `requests` among all requests.
void
insert_erasures(const std::string &dataset, Requests requests, size_t from,
				const ErasureReport &report, const std::string &remarks)
{
	std::vector<int64_t> ids, rows, files, conflicts, treated;
	std::vector<std::string> untreated;
	std::vector<std::string_view> sources, subjects, emails, statuses, received, failures;
	for (const ErasureRequest &request : requests)
	{
		ids.push_back(request.erasure_id);
		sources.push_back(request.source ? std::string_view(*request.source) : std::string_view());
		subjects.push_back(request.pseudonym);
		emails.push_back(request.email_pseudonym);
		statuses.push_back(request.status);
		rows.push_back(request.row_count);
		files.push_back(request.file_count);
		conflicts.push_back(request.conflict);
		received.push_back(request.received_at);
		treated.push_back(is_settled(request.status) || !request.waits_for.empty() ||
						  request.untreated);
		untreated.push_back(request.untreated ? untreated_places(report, from + untreated.size())
											  : "");
		failures.push_back(request.failure.empty() ? request.obstacle : request.failure);
	}
	pg::execute(
		insert_erasures_sql,
		{pg::param(dataset), pg::param_array(ids), pg::param_array(sources),
		 pg::param_array(subjects), pg::param_array(emails), pg::param_array(statuses),
		 pg::param_array(rows), pg::param_array(files), pg::param_array(conflicts),
		 pg::param_array(received), pg::param(remarks), pg::param_array(failures),
		 pg::param_array(treated),
		 pg::param_array(std::vector<std::string_view>(untreated.begin(), untreated.end()))});
}

/// Appends the erasure_ids of the tombstones set to `added`.
void
set_tombstones(const std::string &dataset, Requests requests, std::vector<int64_t> &added)
{
	std::vector<NewTombstone> tombstones;
	std::deque<std::string> names; // the names of known emails; the tombstones refer to them
	for (const ErasureRequest &request : requests)
	{
		if (request.duplicate || request.held || !request.failure.empty())
			continue;
		if (request.subject_hash != 0)
			tombstones.push_back(
				{"subject", request.pseudonym, request.subject_hash, request.erasure_id,
				 request.subject.empty() ? request.status == "not_found" : !request.known});
		if (request.email_hash != 0)
			tombstones.push_back({"email", request.email_pseudonym, request.email_hash,
								  request.erasure_id,
								  !request.pseudonym.empty() && !request.by_email});
		if (!request.pseudonym.empty())
			for (const uint64_t hash : request.known_emails)
				tombstones.push_back({"known_email",
									  names.emplace_back(known_email_name(request.pseudonym, hash)),
									  hash, request.erasure_id});
	}
	const std::vector<int64_t> ids = add_tombstones(dataset, tombstones);
	added.insert(added.end(), ids.begin(), ids.end());
}

/// Writes an entry of the audit trail for each place and request, an entry for each request that
/// found nothing, and one with the number of tombstones for each request that has set some.
void
audit(const std::vector<ErasureRequest> &requests, const ErasureReport &report,
	  std::vector<int64_t> tombstones)
{
	struct Entry
	{
		const ErasureRequest *request;
		const ErasedPlace *place; ///< null: nothing was found, or tombstones were set
		int64_t rows;
	};
	size_t count = 0;
	for (const ErasedPlace &place : report.places)
		count += place.rows.size();
	for (const ErasureRequest &request : requests)
		count += request.status != "completed";
	std::vector<Entry> entries;
	entries.reserve(count + tombstones.size());
	for (const ErasedPlace &place : report.places)
		for (const auto &[person, rows] : place.rows)
			entries.push_back({&requests[person], &place, rows});
	for (const ErasureRequest &request : requests)
		if (request.status != "completed")
			entries.push_back({&request, nullptr, 0});
	std::sort(tombstones.begin(), tombstones.end());
	for (const ErasureRequest &request : requests)
		if (const auto [first, last] =
				std::equal_range(tombstones.begin(), tombstones.end(), request.erasure_id);
			first != last)
			entries.push_back({&request, nullptr, last - first});
	std::stable_sort(entries.begin(), entries.end(),
					 [](const Entry &a, const Entry &b)
					 { return a.request->erasure_id < b.request->erasure_id; });
	append_audit(entries.size(),
				 [&](size_t i) -> AuditEntry
				 {
					 const auto &[request, place, rows] = entries[i];
					 if (place == nullptr && rows > 0)
						 return {request->erasure_id, "tombstone", "etl.tombstone", {}, rows};
					 if (place == nullptr)
						 return {request->erasure_id, request->status, "etl.erasure", {}, 0};
					 return {request->erasure_id, "erase", place->place, place->columns, rows};
				 });
}

/// The status that a restored database is to read: for it, a person whose erasure waits only for
/// files is erased.
std::string
journal_status(const ErasureRequest &request)
{
	return request.failure.empty() && (!request.waits_for.empty() || request.untreated) &&
				   request.status == "failed"
			   ? "completed"
			   : request.status;
}

constexpr char note_awaited_paths_sql[] = R"(
UPDATE etl.erasure e
   SET waits_for = w.paths
  FROM (SELECT id, array_agg(path) FROM unnest($1::bigint[], $2::text[]) u(id, path) GROUP BY id)
       w(id, paths)
 WHERE e.erasure_id = w.id)";

/// Notes the awaited files of requests that only files stop.
void
set_waits_for(Requests requests)
{
	std::vector<int64_t> ids;
	std::vector<std::string_view> paths;
	for (const ErasureRequest &request : requests)
		if (request.status == "failed")
			for (const auto &path : request.waits_for)
			{
				ids.push_back(request.erasure_id);
				paths.push_back(*path);
			}
	if (!ids.empty())
		pg::execute(note_awaited_paths_sql, {pg::param_array(ids), pg::param_array(paths)});
}

/// Sets the status of the request, and the pseudonyms and hashes by which the person is known from
/// now on.
void
complete(const std::string &dataset, const std::string &secret, const Identities &identities,
		 const ErasureReport &report, std::vector<ErasureRequest> &requests, size_t index)
{
	ErasureRequest &request = requests[index];
	fill_pseudonyms(dataset, secret, request);
	if (!request.failure.empty())
		request.status.clear(); // also of a request that the journal calls completed
	if (request.status.empty())
		request.status = !request.failure.empty()                          ? "failed"
						 : request.duplicate                               ? "duplicate"
						 : request.held                                    ? "held"
						 : request.row_count > 0 || request.file_count > 0 ? "completed"
																		   : "not_found";
	const auto untreated = std::find_if(report.untreated.begin(), report.untreated.end(),
										[&](const auto &u) { return concerns(u, index); });
	request.untreated = is_settled(request.status) && untreated != report.untreated.end();
	if (request.untreated && request.obstacle.empty())
		request.obstacle =
			"\"" + untreated->place + "\" could not be looked into: " + untreated->why;
	if (request.untreated || (is_settled(request.status) && !request.waits_for.empty()))
		request.status = "failed";
	if (!request.subject.empty())
		request.subject_hash = identities.subject_hash(request.subject);
	if (!request.email.empty() && !request.conflict && !request.shared_email)
		request.email_hash = identities.email_hash(request.email);
}

} // namespace

void
add_waiting(ErasureRequest &request, const std::shared_ptr<const std::string> &path,
			const std::string &place, const std::string &why)
{
	if (std::any_of(request.waits_for.begin(), request.waits_for.end(),
					[&](const auto &known) { return *known == *path; }))
		return;
	if (request.waits_for.empty())
		request.obstacle = "\"" + place + "\" still names the person and cannot be changed: " + why;
	request.waits_for.push_back(path);
}

void
warn_of_waiting(std::span<const ErasureRequest> requests)
{
	const ErasureRequest *first = nullptr;
	size_t count = 0;
	for (const ErasureRequest &request : requests)
		if (request.status == "failed" && (!request.waits_for.empty() || request.untreated) &&
			count++ == 0)
			first = &request;
	if (first != nullptr)
		pg::notice(
			WARNING,
			std::to_string(count) + (count == 1 ? " request" : " requests") +
				" for erasure cannot be completed yet: " + first->obstacle,
			"All else that is held about these people is treated.",
			first->untreated
				? "Mend it or take it away, then SELECT * FROM etl_erase_failed();"
				: "Let the server's user write the directory, or the producer close its file; the "
				  "next run completes them.");
}

constexpr char any_waiting_erasure_sql[] = R"(
SELECT FROM etl.erasure WHERE waits_for IS NOT NULL LIMIT 1)";

constexpr char complete_waiting_erasures_sql[] = R"(
WITH done AS MATERIALIZED (SELECT e.erasure_id
                             FROM etl.erasure e
                            WHERE e.waits_for IS NOT NULL AND e.status = 'failed'
                              AND NOT EXISTS (SELECT FROM etl.file_action a
                                               WHERE a.from_path = ANY (e.waits_for)
                                                  OR a.to_path = ANY (e.waits_for))
                              FOR UPDATE SKIP LOCKED)
UPDATE etl.erasure e
   SET waits_for = NULL,
       -- what could not be looked into is etl_erase_failed's
       error = CASE WHEN e.untreated IS NOT NULL THEN e.error END,
       completed_at = CASE WHEN e.untreated IS NULL THEN clock_timestamp() END,
       status = CASE WHEN e.untreated IS NOT NULL THEN e.status
                     WHEN e.row_count > 0 OR e.file_count > 0 THEN 'completed'
                     ELSE 'not_found' END
  FROM done
 WHERE e.erasure_id = done.erasure_id
RETURNING e.erasure_id, e.status)";

std::vector<int64_t>
complete_waiting_erasures()
{
	const AsCatalogOwner owner;
	if (pg::query(any_waiting_erasure_sql).empty())
		return {};
	// rows that another session is completing are skipped
	const pg::Rows rows = pg::query(complete_waiting_erasures_sql);
	std::vector<int64_t> ids;
	std::vector<AuditEntry> entries;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		if (rows.text(i, 1) == "failed")
			continue;
		ids.push_back(rows.integer(i, 0));
		entries.push_back({ids.back(), rows.text(i, 1), "etl.erasure", {}, 0});
	}
	append_audit(entries);
	return ids;
}

constexpr char time_of_transaction_sql[] = R"(
SELECT now())";

void
record_erasures(const std::string &dataset, const std::string &secret,
				std::vector<ErasureRequest> &requests, ErasureReport &report)
{
	if (requests.empty())
		return;
	const Identities identities(secret);
	for (const auto &[person, hash] : report.known_emails)
		if (!requests[person].duplicate && !requests[person].held &&
			requests[person].failure.empty())
			requests[person].known_emails.push_back(hash);
	std::vector<int64_t> tombstones;
	const AsCatalogOwner owner;
	const size_t fresh = static_cast<size_t>(std::count_if(requests.begin(), requests.end(),
														   [](const ErasureRequest &r)
														   { return r.erasure_id == 0; }));
	{
		const std::vector<int64_t> ids = allocate_ids("etl.erasure_erasure_id_seq", fresh);
		size_t next = 0;
		for (size_t i = 0; i < requests.size(); ++i)
		{
			if (requests[i].erasure_id == 0)
				requests[i].erasure_id = ids[next++];
			complete(dataset, secret, identities, report, requests, i);
		}
	}
	const std::string remarks = remarks_json(report);
	for (size_t from = 0; from < requests.size(); from += limits::written_requests)
	{
		const pg::MemoryScope memory;
		const Requests chunk = Requests(requests).subspan(
			from, std::min(limits::written_requests, requests.size() - from));
		insert_erasures(dataset, chunk, from, report, remarks);
		set_waits_for(chunk);
		set_tombstones(dataset, chunk, tombstones);
		pg::check_for_interrupts();
	}
	const std::string now = pg::query(time_of_transaction_sql).time(0, 0);
	// code that locks both locks the journal first, then the audit trail
	report.journal = append_journal(requests.size(),
									[&](size_t i)
									{
										const ErasureRequest &request = requests[i];
										JournalLine line;
										line.erasure_id = request.erasure_id;
										line.dataset = dataset;
										line.subject = request.pseudonym;
										line.email = request.email_pseudonym;
										line.status = journal_status(request);
										line.received_at =
											request.received_at.empty() ? now : request.received_at;
										line.row_count = request.row_count;
										line.file_hash = request.subject_hash;
										line.email_hash = request.email_hash;
										line.known_emails = request.known_emails;
										return line;
									});
	audit(requests, report, std::move(tombstones));
}

constexpr char read_erasures_sql[] = R"(
SELECT * FROM etl.erasure WHERE erasure_id = ANY ($1) ORDER BY erasure_id)";

void
add_erasures(pg::ResultSet &result, const std::vector<int64_t> &erasure_ids)
{
	const pg::Rows rows = pg::query(read_erasures_sql, {pg::param_array(erasure_ids)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		result.add_tuple(rows.tuple(i));
}

} // namespace etl
