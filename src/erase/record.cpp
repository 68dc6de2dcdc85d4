#include "erase/record.h"

#include "core/rewrite.h"
#include "erase/audit.h"
#include "erase/journal.h"
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

void
record_erasures(const std::string &dataset, const std::string &secret,
				std::vector<ErasureRequest> &requests)
{
	if (requests.empty())
		return;
	size_t fresh = 0;
	for (const ErasureRequest &request : requests)
		fresh += request.erasure_id == 0;
	const std::vector<int64_t> new_ids = allocate_ids("etl.erasure_erasure_id_seq", fresh);
	const auto hash_key = subject_hash_key(secret);
	std::vector<int64_t> ids, counts;
	std::vector<std::string_view> sources, subjects, emails, statuses, received;
	std::vector<JournalErasure> journal;
	std::vector<AuditEntry> audit;
	size_t next = 0;
	for (ErasureRequest &request : requests)
	{
		if (request.erasure_id == 0)
			request.erasure_id = new_ids[next++];
		fill_pseudonyms(dataset, secret, request);
		if (request.status.empty())
			request.status = request.duplicate       ? "duplicate"
							 : request.held          ? "held"
							 : request.row_count > 0 ? "completed"
													 : "not_found";
		ids.push_back(request.erasure_id);
		sources.push_back(request.source);
		subjects.push_back(request.pseudonym);
		emails.push_back(request.email_pseudonym);
		statuses.push_back(request.status);
		counts.push_back(request.row_count);
		received.push_back(request.received_at);
		JournalErasure line;
		line.erasure_id = request.erasure_id;
		line.dataset = dataset;
		line.subject = request.pseudonym;
		line.email = request.email_pseudonym;
		line.status = request.status;
		line.row_count = request.row_count;
		if (!request.subject.empty())
			line.file_hash = siphash(hash_key, request.subject);
		journal.push_back(std::move(line));
		AuditEntry entry;
		entry.erasure_id = request.erasure_id;
		entry.action = request.status == "completed" ? "erase" : request.status;
		entry.place = "etl.erasure";
		entry.row_count = request.row_count;
		audit.push_back(std::move(entry));
	}
	pg::execute(
		"INSERT INTO etl.erasure (erasure_id, dataset, received_at, source, subject, email, status,"
		" completed_at, row_count)"
		" SELECT r.id, $1, coalesce(nullif(r.received, '')::timestamptz, now()), r.source,"
		" nullif(r.subject, ''), nullif(r.email, ''), r.status,"
		" CASE WHEN r.status IN ('completed', 'not_found') THEN clock_timestamp() END, r.row_count"
		" FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
		" $8::text[]) r(id, source, subject, email, status, row_count, received)"
		" ON CONFLICT (erasure_id) DO UPDATE SET status = excluded.status,"
		" completed_at = excluded.completed_at, row_count = excluded.row_count",
		{pg::param(dataset), pg::param_array(ids), pg::param_array(sources),
		 pg::param_array(subjects), pg::param_array(emails), pg::param_array(statuses),
		 pg::param_array(counts), pg::param_array(received)});
	append_audit(audit);
	append_journal(journal);
}

} // namespace etl
