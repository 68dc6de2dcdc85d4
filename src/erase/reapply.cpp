// etl_reapply, which brings a restored database up to date with the journal; and what etl.health
// says of the journal.
#include <map>
#include <unordered_map>

#include "audit/journal.h"
#include "audit/trail.h"
#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "erase/erase.h"
#include "erase/erasure_rows.h"
#include "erase/find_people.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"

namespace etl
{

namespace
{

constexpr char find_taken_ids_sql[] = R"(
SELECT e.erasure_id
  FROM unnest($1::bigint[], $2::text[], $3::text[]) l(id, subject, email)
  JOIN etl.erasure e ON e.erasure_id = l.id
 WHERE coalesce(e.subject, '') <> l.subject
    OR coalesce(e.email, '') <> l.email)";

/// Ids that another request has in this database, because two databases continued from the same
/// backup.
std::map<int64_t, bool>
taken_ids(const std::vector<JournalLine> &lines)
{
	std::vector<int64_t> ids;
	std::vector<std::string_view> subjects, emails;
	for (const JournalLine &line : lines)
	{
		ids.push_back(line.erasure_id);
		subjects.push_back(line.subject);
		emails.push_back(line.email);
	}
	const pg::Rows rows =
		pg::query(find_taken_ids_sql,
				  {pg::param_array(ids), pg::param_array(subjects), pg::param_array(emails)});
	std::map<int64_t, bool> taken;
	for (uint64_t i = 0; i < rows.size(); ++i)
		taken[rows.integer(i, 0)] = true;
	return taken;
}

/// The request that a line of the journal stands for.
ErasureRequest
request_of(const JournalLine &line, const Found &found, const std::map<int64_t, bool> &taken)
{
	ErasureRequest request;
	static const auto source = std::make_shared<const std::string>("journal");
	request.source = source;
	request.erasure_id = taken.count(line.erasure_id) > 0 ? 0 : line.erasure_id;
	request.pseudonym = line.subject;
	request.email_pseudonym = line.email;
	request.received_at = line.received_at;
	request.subject_hash = line.file_hash;
	request.email_hash = line.email_hash;
	request.known_emails = line.known_emails;
	if (line.status == "duplicate")
		request.duplicate = true;
	else if (line.status == "completed" || line.status == "not_found")
	{
		// They were erased, so legal holds of this database do not count. This database may also
		// have data about a person of whom nothing was found then.
		const auto subject = found.subjects.find(line.subject);
		const auto email = found.emails.find(line.email);
		if (subject != found.subjects.end())
			request.subject = subject->second;
		else if (line.subject.empty() && email != found.emails.end())
			request.subject = email->second;
		request.status = line.status;
	}
	else
	{
		request.status = line.status; // held, refused: nothing was erased
		request.held = true;
	}
	return request;
}

/// The people who came back and were not erased again after that.
class Reinstated
{
  public:
	explicit Reinstated(const JournalState &state)
	{
		for (const JournalLine &line : state.missing)
			if (line.status == "completed" || line.status == "not_found")
				for (const std::string &name : names(line))
					erased_[name] = line.seq;
		for (const JournalLine &line : state.decisions)
			if (line.action == "reinstate")
				for (const std::string &name : names(line))
					back_[name] = line.seq;
	}
	/// Does the decision to reinstate stand? It must not lift the tombstone of a later erasure.
	bool lasts(const JournalLine &decision) const
	{
		for (const std::string &name : names(decision))
		{
			const auto erased = erased_.find(name);
			if (erased != erased_.end() && erased->second > decision.seq)
				return false;
		}
		return true;
	}
	bool are(const JournalLine &erasure) const
	{
		for (const std::string &name : names(erasure))
		{
			const auto back = back_.find(name);
			const auto erased = erased_.find(name);
			if (back != back_.end() && erased != erased_.end() && back->second > erased->second)
				return true;
		}
		return false;
	}

  private:
	/// An erasure is identified by the key, and by the email only where no key is known.
	static std::vector<std::string> names(const JournalLine &line)
	{
		std::vector<std::string> names;
		if (!line.subject.empty())
			names.push_back(line.dataset + " subject " + line.subject);
		else if (!line.email.empty())
			names.push_back(line.dataset + " email " + line.email);
		return names;
	}
	std::map<std::string, int64_t> erased_, back_;
};

void
check_lines(const Catalog &catalog, const std::string &key, const std::vector<JournalLine> &lines)
{
	for (const JournalLine &line : lines)
	{
		if (line.key_id != key)
			throw pg::Error(sqlstate::object_not_in_prerequisite_state,
							"the erasure journal has pseudonyms of another key",
							"Line " + std::to_string(line.seq) + " was written with key " +
								line.key_id + ", etl.key_file holds " + key + ".",
							"Set etl.key_file to the key that the journal was written with.");
		if (catalog.find(line.dataset) == nullptr)
			throw pg::Error(sqlstate::undefined_object,
							"dataset \"" + line.dataset + "\" is not defined",
							"Line " + std::to_string(line.seq) +
								" of the erasure journal is about one of its people.",
							"Define it with SELECT etl_define('…').");
	}
}

// All these statements take the parameters of statement_of().
constexpr char insert_hold_sql[] = R"(
INSERT INTO etl.hold (dataset, subject, reason, placed_at, placed_by, file_hash)
SELECT $1, nullif($2, ''), $6, $4::timestamptz, $5, nullif($8, 0)
 WHERE $3::text IS NOT NULL AND $7::bigint IS NOT NULL
ON CONFLICT (dataset, (coalesce(subject, '')))
 WHERE released_at IS NULL DO NOTHING)";

constexpr char release_hold_sql[] = R"(
UPDATE etl.hold
   SET released_at = $4::timestamptz, released_by = $5
 WHERE dataset = $1 AND coalesce(subject, '') = $2 AND released_at IS NULL
   AND placed_at <= $4::timestamptz AND $3::text IS NOT NULL AND $6::text IS NOT NULL
   AND $7::bigint IS NOT NULL AND $8::bigint IS NOT NULL)";

constexpr char reinstate_sql[] = R"(
UPDATE etl.tombstone
   SET reinstated_at = $4::timestamptz, reinstated_by = $5::name, reason = $6
 WHERE dataset = $1 AND reinstated_at IS NULL
   AND CASE kind
            WHEN 'subject' THEN pseudonym = $2
            WHEN 'email' THEN pseudonym = $3
            ELSE starts_with(pseudonym, $2 || ':') END
   AND $7::bigint IS NOT NULL AND $8::bigint IS NOT NULL)";

constexpr char refuse_or_extend_sql[] = R"(
INSERT INTO etl.erasure_decision (erasure_id, decision, reason, at, actor)
SELECT e.erasure_id, CASE $9::text WHEN 'refuse' THEN 'refused' ELSE 'extended' END, $6,
       $4::timestamptz, $5
  FROM etl.erasure e
 WHERE e.erasure_id = $7 AND e.dataset = $1 AND coalesce(e.subject, '') = $2
   AND coalesce(e.email, '') = $3 AND $8::bigint IS NOT NULL
ON CONFLICT DO NOTHING)";

/// The statement that repeats a decision. $1 dataset, $2 subject, $3 email, $4 time, $5 user, $6
/// reason, $7 erasure_id, $8 hash, $9 action.
const char *
statement_of(const std::string &action)
{
	if (action == "hold")
		return insert_hold_sql;
	if (action == "release")
		return release_hold_sql;
	if (action == "reinstate")
		return reinstate_sql;
	if (action == "refuse" || action == "extend")
		return refuse_or_extend_sql;
	throw pg::Error(sqlstate::feature_not_supported,
					"the erasure journal has a decision \"" + action + "\"",
					"It was written by a later version of pg_etl.");
}

/// Repeats holds, releases, refusals, extensions and reinstatements in the order in which they were
/// made.
void
reapply_decisions(const JournalState &state, const std::map<int64_t, int64_t> &renumbered,
				  const Reinstated &reinstated, std::vector<AuditEntry> &audit)
{
	const AsCatalogOwner owner;
	for (const JournalLine &line : state.decisions)
	{
		const char *const statement = statement_of(line.action);
		if (line.action == "reinstate" && !reinstated.lasts(line))
			continue;
		const auto other = renumbered.find(line.erasure_id);
		const int64_t id = other == renumbered.end() ? line.erasure_id : other->second;
		const uint64_t rows = pg::execute(
			statement, {pg::param(line.dataset), pg::param(line.subject), pg::param(line.email),
						pg::param(line.received_at), pg::param(line.actor), pg::param(line.reason),
						pg::param(id), pg::param(static_cast<int64_t>(line.file_hash)),
						pg::param(line.action)});
		audit.push_back({id,
						 line.action,
						 "journal, line " + std::to_string(line.seq),
						 {},
						 static_cast<int64_t>(rows)});
	}
}

constexpr char advance_erasure_ids_sql[] = R"(
SELECT setval('etl.erasure_erasure_id_seq',
              greatest(max(erasure_id), (SELECT last_value FROM etl.erasure_erasure_id_seq)))
  FROM etl.erasure)";

/// Whom the lines are about.
Wanted
wanted_of(const std::vector<const JournalLine *> &lines)
{
	Wanted wanted;
	for (const JournalLine *line : lines)
	{
		if (!line->subject.empty())
			wanted.subjects.insert(line->subject);
		else if (!line->email.empty())
			wanted.emails.insert(line->email);
		if (line->file_hash != 0)
			wanted.file_hashes[line->subject] = line->file_hash;
	}
	return wanted;
}

/// Repeats the erasures, and then the decisions. Returns the erasure_ids.
std::vector<int64_t>
reapply(const Catalog &catalog, const JournalState &state)
{
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	const std::string secret = pg::secret(pg::KeyUse::keep);
	const std::string key = key_id(secret);
	check_lines(catalog, key, state.missing);
	check_lines(catalog, key, state.decisions);
	std::map<std::string, std::vector<const JournalLine *>> by_dataset;
	for (const JournalLine &line : state.missing)
		by_dataset[line.dataset].push_back(&line);
	const std::map<int64_t, bool> taken = taken_ids(state.missing);
	const Reinstated reinstated(state);
	std::map<int64_t, int64_t> renumbered;
	std::vector<int64_t> ids;
	const JournalPause pause;
	for (const auto &[dataset, lines] : by_dataset)
	{
		const Found found = find_people(catalog, dataset, secret, wanted_of(lines));
		// the data that this database has about a person is older than the erasure, even if the
		// person came back; staged files may be newer
		for (const bool back : {false, true})
		{
			std::vector<ErasureRequest> requests;
			std::vector<int64_t> numbers;
			for (const JournalLine *line : lines)
				if (reinstated.are(*line) == back)
				{
					requests.push_back(request_of(*line, found, taken));
					requests.back().reinstated = back;
					numbers.push_back(line->erasure_id);
				}
			erase_subjects(catalog, dataset, secret, requests, settings);
			for (size_t i = 0; i < requests.size(); ++i)
			{
				ids.push_back(requests[i].erasure_id);
				renumbered[numbers[i]] = requests[i].erasure_id;
			}
		}
	}
	{
		const AsCatalogOwner owner;
		pg::query(advance_erasure_ids_sql);
	}
	std::vector<AuditEntry> audit;
	reapply_decisions(state, renumbered, reinstated, audit);
	AuditEntry entry;
	entry.action = "reapply";
	entry.place = "journal, lines to " + std::to_string(state.end.seq);
	entry.row_count = static_cast<int64_t>(ids.size() + state.decisions.size());
	audit.push_back(std::move(entry));
	append_audit(audit);
	if (!state.decisions.empty())
		pg::notice(NOTICE, missing_text(state) + " of the journal were applied again");
	return ids;
}

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_reapply)
{
	const ExclusiveCall exclusive_call(fcinfo);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	// before people are looked up, and before the journal is locked: the same order as in every
	// erasure
	catalog = lock_people(catalog);
	lock_journal();
	const JournalState state = journal_state(true);
	if (state.path.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"setting \"etl.journal_dir\" is not set",
						"Without a journal nothing says which erasures this database lacks.",
						"Set etl.journal_dir to the directory of the erasure journal.");
	if (!state.problem.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"erasure journal \"" + state.path + "\" cannot be trusted", state.problem,
						state.hint);
	if (!state.missing.empty() || !state.decisions.empty())
		add_erasures(result, reapply(catalog, state));
	if (state.exists)
		set_journal_mark(state.end);
	return static_cast<Datum>(0);
}

PG_ETL_ENTRY(etl_journal_check)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	// an auditor sees the result without reading the tables behind it
	const AsCatalogOwner owner;
	const auto row = [&](const char *status, const std::string &detail, const std::string &hint)
	{
		result.add({pg::Cell::text("journal"), pg::Cell::text(status), pg::Cell::text(detail),
					pg::Cell::text_or_null(hint)});
	};
	try
	{
		const JournalState state = journal_state(true);
		if (state.path.empty())
			row("warning",
				"no erasure journal is kept: a restored backup would bring erased people back "
				"unnoticed",
				"ALTER DATABASE … SET etl.journal_dir = '…';");
		else if (!state.problem.empty())
			row("error", "\"" + state.path + "\" cannot be trusted: " + state.problem, state.hint);
		else if (!state.missing.empty() || !state.decisions.empty())
			row("error", "the database is behind its journal by " + missing_text(state),
				"SELECT * FROM etl_reapply();");
		else if (state.torn)
			row("warning",
				"\"" + state.path +
					"\" ends with an incomplete line, of an erasure that did not commit",
				"The next erasure removes it.");
		else
			row("ok",
				std::to_string(state.entries) + " erasures in \"" + state.path + "\"" +
					(state.rolled_back > 0 ? ", " + std::to_string(state.rolled_back) +
												 " of them rolled back since the last one"
										   : ""),
				"");
	}
	catch (const pg::PgError &)
	{
		throw; // the transaction has failed
	}
	catch (const pg::Error &error)
	{
		row("error", std::string(error.what()) + ": " + error.detail(), error.hint());
	}
	return static_cast<Datum>(0);
}

constexpr char read_erasure_sql[] = R"(
SELECT dataset, coalesce(subject, ''), coalesce(email, ''), status, row_count,
       received_at
  FROM etl.erasure
 WHERE erasure_id = $1)";

PG_ETL_ENTRY(etl_journal_erasure)
{
	const int64_t erasure_id = PG_GETARG_INT64(0);
	const pg::Spi spi;
	const pg::Rows rows = pg::query(read_erasure_sql, {pg::param(erasure_id)});
	if (rows.empty())
		throw pg::Error(sqlstate::undefined_object,
						"there is no erasure request " + std::to_string(erasure_id));
	JournalLine line;
	line.erasure_id = erasure_id;
	line.dataset = rows.text(0, 0);
	line.subject = rows.text(0, 1);
	line.email = rows.text(0, 2);
	line.status = rows.text(0, 3);
	line.row_count = rows.integer(0, 4);
	line.received_at = rows.time(0, 5);
	return BoolGetDatum(append_journal(line));
}

constexpr char time_and_user_sql[] = R"(
SELECT $1::timestamptz,
       session_user::text)";

/// (action, dataset, subject, email, erasure_id, file_hash, reason, at): writes a decision of
/// etl_hold and similar functions to the journal.
PG_ETL_ENTRY(etl_journal_decision)
{
	const pg::Spi spi;
	const auto text = [&](int n)
	{ return PG_ARGISNULL(n) ? std::string() : pg::text_argument(fcinfo, n); };
	JournalLine decision;
	decision.kind = JournalLine::Kind::decision;
	decision.action = text(0);
	decision.dataset = text(1);
	decision.subject = text(2);
	decision.email = text(3);
	decision.erasure_id = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
	decision.file_hash = PG_ARGISNULL(5) ? 0 : static_cast<uint64_t>(PG_GETARG_INT64(5));
	decision.reason = text(6);
	const pg::Rows rows =
		pg::query(time_and_user_sql, {{TIMESTAMPTZOID, PG_GETARG_DATUM(7), bool(PG_ARGISNULL(7))}});
	decision.received_at = rows.time(0, 0);
	decision.actor = rows.text(0, 1);
	return BoolGetDatum(append_journal(decision));
}

PG_ETL_ENTRY(etl_require_journal)
{
	(void)fcinfo;
	const pg::Spi spi;
	require_journal_applied();
	PG_RETURN_VOID();
}
