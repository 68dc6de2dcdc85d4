// Compares the erasures and decisions in the catalog with the journal, and writes them to a new
// journal.
#include "audit/journal_history.h"

#include <algorithm>
#include <set>

#include "audit/journal_state.h"
#include "pg/limits.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

std::string
name_of(const JournalLine &line)
{
	return line.action + " " + line.dataset + " " + line.subject + " " + line.email + " " +
		   line.received_at;
}

/// A line and the time when it was made.
using Dated = std::pair<std::string, JournalLine>;

/// The columns that line_of() reads: the line as the journal would have it, and last when it would
/// have been written. $1: erasures that are left out, $2: the most known emails of an erasure.
constexpr char read_erasures_sql[] = R"(
SELECT '', e.erasure_id, e.dataset, coalesce(e.subject, ''), coalesce(e.email, ''),
       -- a restored database erases people who were not erased only because of files
       CASE WHEN e.waits_for IS NULL AND e.untreated IS NULL THEN e.status ELSE 'completed' END,
       e.row_count, '', '', e.received_at,
       h.subject, h.email,
       array_to_string(ARRAY(SELECT lpad(to_hex(t.hash), 16, '0')
                               FROM etl.tombstone t
                              WHERE t.erasure_id = e.erasure_id AND t.kind = 'known_email'
                              ORDER BY t.tombstone_id
                              LIMIT $2), ''),
       coalesce(e.completed_at, e.received_at)
  FROM etl.erasure e
 CROSS JOIN LATERAL (SELECT min(t.hash) FILTER (WHERE t.kind = 'subject') AS subject,
                            min(t.hash) FILTER (WHERE t.kind = 'email') AS email
                       FROM etl.tombstone t
                      WHERE t.erasure_id = e.erasure_id) h
 WHERE e.erasure_id <> ALL ($1)
 ORDER BY e.erasure_id)";

/// The same for all holds, releases, refusals, extensions and reinstatements.
constexpr char read_decisions_sql[] = R"(
SELECT d.action, d.erasure_id, d.dataset, coalesce(d.subject, ''), coalesce(d.email, ''), '',
       0::bigint, coalesce(d.reason, ''), coalesce(d.actor, ''), d.at,
       d.file_hash, NULL::bigint, '', d.at
  FROM (SELECT 'hold' AS action, 0::bigint AS erasure_id, dataset, subject, NULL::text AS email,
               reason, placed_by::text AS actor, placed_at AS at, file_hash
          FROM etl.hold
         UNION ALL
        SELECT 'release', 0, dataset, subject, NULL, '', released_by::text, released_at, NULL
          FROM etl.hold
         WHERE released_at IS NOT NULL
         UNION ALL
        SELECT CASE d.decision WHEN 'refused' THEN 'refuse' ELSE 'extend' END, d.erasure_id,
               e.dataset, e.subject, e.email, d.reason, d.actor::text, d.at, NULL
          FROM etl.erasure_decision d
          JOIN etl.erasure e USING (erasure_id)
         UNION ALL
        SELECT 'reinstate', erasure_id, dataset,
               min(pseudonym) FILTER (WHERE kind = 'subject'),
               min(pseudonym) FILTER (WHERE kind = 'email'), min(reason),
               min(reinstated_by::text), reinstated_at, NULL
          FROM etl.tombstone
         WHERE reinstated_at IS NOT NULL AND kind <> 'known_email'
         GROUP BY dataset, erasure_id, reinstated_at) d
 ORDER BY d.at)";

Dated
line_of(const pg::Rows &rows, uint64_t row)
{
	JournalLine line;
	line.action = rows.text(row, 0);
	line.erasure_id = rows.integer(row, 1);
	line.dataset = rows.text(row, 2);
	line.subject = rows.text(row, 3);
	line.email = rows.text(row, 4);
	line.status = rows.text(row, 5);
	line.row_count = rows.integer(row, 6);
	line.reason = rows.text(row, 7);
	line.actor = rows.text(row, 8);
	line.received_at = rows.time(row, 9);
	line.file_hash = static_cast<uint64_t>(rows.integer(row, 10));
	line.email_hash = static_cast<uint64_t>(rows.integer(row, 11));
	const std::string emails = rows.text(row, 12);
	constexpr size_t digits = 16;
	for (size_t at = 0; at < emails.size(); at += digits)
		line.known_emails.push_back(read_journal_hash(std::string_view(emails).substr(at, digits)));
	return {rows.time(row, 13), std::move(line)};
}

void
add_erasures(const std::vector<int64_t> &own, std::vector<Dated> &history)
{
	const pg::Rows rows =
		pg::query(read_erasures_sql,
				  {pg::param_array(own), pg::param(static_cast<int64_t>(limits::journal_emails))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		history.push_back(line_of(rows, i));
}

void
add_decisions(const std::set<std::string> &own, std::vector<Dated> &history)
{
	const pg::Rows rows = pg::query(read_decisions_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		Dated dated = line_of(rows, i);
		dated.second.kind = JournalLine::Kind::decision;
		if (own.count(name_of(dated.second)) == 0)
			history.push_back(std::move(dated));
	}
}

} // namespace

void
append_history(const JournalMark &mark, const std::string &key, size_t count, const MakeLine &own,
			   JournalEnd &end, std::string &out)
{
	JournalLine begin;
	begin.kind = JournalLine::Kind::begin;
	begin.at = journal_time();
	begin.text = mark.journal_id;
	out += journal_text(begin, end);
	std::vector<int64_t> erasures;
	std::set<std::string> decisions;
	for (size_t i = 0; i < count; ++i)
	{
		const JournalLine line = own(i);
		if (line.kind == JournalLine::Kind::decision)
			decisions.insert(name_of(line));
		else
			erasures.push_back(line.erasure_id);
	}
	std::vector<Dated> history;
	add_erasures(erasures, history);
	add_decisions(decisions, history);
	std::stable_sort(history.begin(), history.end(),
					 [](const Dated &a, const Dated &b) { return a.first < b.first; });
	for (auto &[time, line] : history)
	{
		line.at = begin.at;
		line.key_id = key;
		out += journal_text(line, end);
	}
}

constexpr char find_known_decisions_sql[] = R"(
SELECT l.i
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       WITH ORDINALITY l(id, action, dataset, subject, email, at, i)
 WHERE CASE l.action
            WHEN 'hold'
            THEN EXISTS (SELECT FROM etl.hold h
                          WHERE h.dataset = l.dataset
                            AND coalesce(h.subject, '') = l.subject
                            AND h.placed_at = l.at::timestamptz)
            WHEN 'release'
            THEN EXISTS (SELECT FROM etl.hold h
                          WHERE h.dataset = l.dataset
                            AND coalesce(h.subject, '') = l.subject
                            AND h.released_at = l.at::timestamptz)
            WHEN 'reinstate'
            THEN EXISTS (SELECT FROM etl.tombstone t
                          WHERE t.dataset = l.dataset
                            AND t.reinstated_at = l.at::timestamptz
                            AND t.pseudonym = CASE t.kind
                                                   WHEN 'subject' THEN l.subject
                                                   ELSE l.email END)
            ELSE EXISTS (SELECT FROM etl.erasure_decision d
                           JOIN etl.erasure e USING (erasure_id)
                          WHERE e.dataset = l.dataset
                            AND coalesce(e.subject, '') = l.subject
                            AND coalesce(e.email, '') = l.email AND d.at = l.at::timestamptz
                            AND d.decision = CASE l.action
                                                  WHEN 'refuse' THEN 'refused'
                                                  ELSE 'extended' END) END)";

void
drop_known_decisions(std::vector<JournalLine> &decisions)
{
	if (decisions.empty())
		return;
	std::vector<int64_t> ids;
	std::vector<std::string_view> actions, datasets, subjects, emails, times;
	for (const JournalLine &line : decisions)
	{
		ids.push_back(line.erasure_id);
		actions.push_back(line.action);
		datasets.push_back(line.dataset);
		subjects.push_back(line.subject);
		emails.push_back(line.email);
		times.push_back(line.received_at);
	}
	const pg::Rows rows =
		pg::query(find_known_decisions_sql,
				  {pg::param_array(ids), pg::param_array(actions), pg::param_array(datasets),
				   pg::param_array(subjects), pg::param_array(emails), pg::param_array(times)});
	std::set<size_t> known;
	for (uint64_t i = 0; i < rows.size(); ++i)
		known.insert(static_cast<size_t>(rows.integer(i, 0)) - 1);
	std::vector<JournalLine> missing;
	for (size_t i = 0; i < decisions.size(); ++i)
		if (known.count(i) == 0)
			missing.push_back(std::move(decisions[i]));
	decisions = std::move(missing);
}

} // namespace etl
