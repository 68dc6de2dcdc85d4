// Compares the erasures and decisions in the catalog with the journal, and writes them to a new
// journal.
#include "audit/journal_history.h"

#include <algorithm>
#include <set>

#include "audit/journal_state.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// A time in the format of the journal, which sorts as text.
std::string
iso(const std::string &expression)
{
	return "to_char(" + expression + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
}

/// A keyed hash of the catalog as 16 hexadecimal digits.
std::string
hex(const std::string &expression)
{
	return "coalesce(lpad(to_hex(" + expression + "), 16, '0'), '')";
}

std::string
name_of(const JournalLine &line)
{
	return line.action + " " + line.dataset + " " + line.subject + " " + line.email + " " +
		   line.received_at;
}

/// A line and the time when it was made.
using Dated = std::pair<std::string, JournalLine>;

void
add_erasures(const std::vector<int64_t> &own, std::vector<Dated> &history)
{
	const auto hash = [](const char *kind)
	{
		return hex(std::string("(SELECT min(t.hash) FROM etl.tombstone t WHERE t.erasure_id ="
							   " e.erasure_id AND t.kind = '") +
				   kind + "')");
	};
	const pg::Rows rows = pg::query(
		"SELECT erasure_id, dataset, coalesce(subject, ''), coalesce(email, ''),"
		// if only files delay an erasure, a restored database has to carry it out
		" CASE WHEN waits_for IS NULL AND untreated IS NULL THEN status ELSE 'completed' END,"
		" row_count, " +
			iso("received_at") + ", " + hash("subject") + ", " + hash("email") + ", " +
			iso("coalesce(completed_at, received_at)") +
			", array_to_string(ARRAY(SELECT lpad(to_hex(t.hash), 16, '0') FROM "
			"etl.tombstone t WHERE"
			" t.erasure_id = e.erasure_id AND t.kind = 'known_email'"
			" ORDER BY t.tombstone_id LIMIT " +
			std::to_string(most_known_emails) +
			"), '')"
			" FROM etl.erasure e WHERE erasure_id <> ALL ($1) ORDER BY erasure_id",
		{pg::param_array(own)});
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		JournalLine line;
		line.erasure_id = rows.integer(i, 0);
		line.dataset = rows.text(i, 1);
		line.subject = rows.text(i, 2);
		line.email = rows.text(i, 3);
		line.status = rows.text(i, 4);
		line.row_count = rows.integer(i, 5);
		line.received_at = rows.text(i, 6);
		line.file_hash = rows.text(i, 7);
		line.email_hash = rows.text(i, 8);
		const std::string emails = rows.text(i, 10);
		constexpr size_t digits = 16;
		for (size_t at = 0; at < emails.size(); at += digits)
			line.known_emails.push_back(emails.substr(at, digits));
		history.emplace_back(rows.text(i, 9), std::move(line));
	}
}

/// Adds all decisions, in the columns of a JournalLine.
void
add_decisions(const std::set<std::string> &own, std::vector<Dated> &history)
{
	const pg::Rows rows = pg::query(
		"SELECT 'hold', dataset, coalesce(subject, ''), '', 0::bigint, reason, placed_by, " +
		iso("placed_at") + ", " + hex("file_hash") +
		" FROM etl.hold UNION ALL SELECT 'release', dataset, coalesce(subject, ''), '', 0, '',"
		" coalesce(released_by, ''), " +
		iso("released_at") +
		", '' FROM etl.hold WHERE released_at IS NOT NULL UNION ALL SELECT CASE d.decision"
		" WHEN 'refused' THEN 'refuse' ELSE 'extend' END, e.dataset, coalesce(e.subject, ''),"
		" coalesce(e.email, ''), e.erasure_id, d.reason, d.actor, " +
		iso("d.at") +
		", '' FROM etl.erasure_decision d JOIN etl.erasure e USING (erasure_id)"
		" UNION ALL SELECT 'reinstate', dataset,"
		" coalesce(min(pseudonym) FILTER (WHERE kind = 'subject'), ''),"
		" coalesce(min(pseudonym) FILTER (WHERE kind = 'email'), ''), erasure_id,"
		" coalesce(min(reason), ''), min(reinstated_by::text), " +
		iso("reinstated_at") +
		", '' FROM etl.tombstone WHERE reinstated_at IS NOT NULL AND kind <> 'known_email'"
		" GROUP BY dataset, erasure_id, reinstated_at ORDER BY 8");
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		JournalLine line;
		line.kind = JournalLine::Kind::decision;
		line.action = rows.text(i, 0);
		line.dataset = rows.text(i, 1);
		line.subject = rows.text(i, 2);
		line.email = rows.text(i, 3);
		line.erasure_id = rows.integer(i, 4);
		line.reason = rows.text(i, 5);
		line.actor = rows.text(i, 6);
		line.received_at = rows.text(i, 7);
		line.file_hash = rows.text(i, 8);
		if (own.count(name_of(line)) == 0)
			history.emplace_back(line.received_at, std::move(line));
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
