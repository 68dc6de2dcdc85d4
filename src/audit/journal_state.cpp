#include "audit/journal_state.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>

#include "audit/journal_history.h"
#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/files/inside.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "access/transam.h"
#include "access/xlog.h"
}

namespace etl
{

void
fail_journal_io(int error, const std::string &what, const std::string &path)
{
	throw pg::Error(sqlstate_of_errno(error),
					"could not " + what + " erasure journal \"" + path +
						"\": " + std::strerror(error),
					"", "etl.journal_dir must be a directory that the server's user can write to.");
}

constexpr char read_journal_mark_sql[] = R"(
SELECT journal_id::text, coalesce(directory, ''), seq, position, coalesce(hash, '')
  FROM etl.journal)";

JournalMark
read_journal_mark()
{
	const pg::Rows rows = pg::query(read_journal_mark_sql);
	if (rows.empty())
		throw pg::Error(sqlstate::data_corrupted, "etl.journal has no row",
						"It says which journal is this database's.",
						"SELECT etl_journal_renew('…'); begins a new journal.");
	JournalMark mark;
	mark.journal_id = rows.text(0, 0);
	mark.directory = rows.text(0, 1);
	mark.end = {rows.integer(0, 2), static_cast<uint64_t>(rows.integer(0, 3)), rows.text(0, 4)};
	return mark;
}

namespace
{

/// Throws if the directory cannot be used.
void
check_directory(const std::string &directory)
{
	struct stat info;
	if (stat(directory.c_str(), &info) != 0)
		fail_journal_io(errno, "open the directory of the", directory);
	if (!S_ISDIR(info.st_mode))
		throw pg::Error(sqlstate::wrong_object_type,
						"etl.journal_dir \"" + directory + "\" is not a directory");
	if (is_inside(directory, DataDir))
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"etl.journal_dir \"" + directory + "\" is inside the data directory",
						"A restore of the database would take the journal back with it.",
						"Set etl.journal_dir to a directory outside \"" + std::string(DataDir) +
							"\", on storage that is backed up by itself.");
}

} // namespace

std::string
journal_path(const std::string &directory, const JournalMark &mark)
{
	return directory + "/pg_etl-" + mark.journal_id + ".jsonl";
}

constexpr char database_name_sql[] = R"(SELECT current_database()::text)";

std::string
journal_directory(const JournalMark &mark)
{
	const std::string directory = pg::Settings::current().journal_dir;
	if (directory.empty())
	{
		if (mark.end.seq == 0)
			return {};
		throw pg::Error(
			sqlstate::object_not_in_prerequisite_state, "setting \"etl.journal_dir\" is not set",
			"This database has an erasure journal, last known in directory \"" + mark.directory +
				"\". Without it nobody can tell whether the database "
				"was restored from before an erasure.",
			"ALTER DATABASE " + pg::quote(pg::query(database_name_sql).text(0, 0)) +
				" SET etl.journal_dir = " + pg::literal(mark.directory) +
				";  then reconnect. SELECT etl_journal_renew('…'); begins a new "
				"journal where this one is lost.");
	}
	check_directory(directory);
	return directory;
}

JournalOrigin
present_origin()
{
	JournalOrigin origin;
	origin.database = MyDatabaseId;
	pg::call(
		[&]
		{
			origin.system = GetSystemIdentifier();
			if (!RecoveryInProgress())
			{
				origin.timeline = GetWALInsertionTimeLine();
				origin.lsn = GetXLogInsertRecPtr();
			}
			origin.xid = U64FromFullTransactionId(ReadNextFullTransactionId());
		});
	return origin;
}

namespace
{

enum class Outcome
{
	pending,     ///< the transaction is running, or ended after the snapshot of this one
	rolled_back, ///< the server crashed before the transaction committed
	unknown      ///< the database does not know the erasure, because it was restored
};

constexpr char outcome_of_transaction_sql[] = R"(
SELECT coalesce(pg_xact_status(x), ''), pg_visible_in_snapshot(x, pg_current_snapshot())
  FROM (SELECT $1::xid8) t(x))";

/// How the transaction of an erasure that the catalog does not know has ended, as far as this
/// server knows. The transaction id of a line has a meaning only on the server that wrote it, on
/// the same timeline and after that WAL position.
Outcome
outcome_of(const JournalOrigin &origin, const JournalOrigin &here)
{
	if (origin.xid == 0 || origin.system != here.system || origin.database != here.database ||
		origin.timeline != here.timeline || origin.lsn > here.lsn || origin.xid >= here.xid)
		return Outcome::unknown;
	const pg::Rows rows =
		pg::query(outcome_of_transaction_sql, {pg::param(std::to_string(origin.xid))});
	const std::string status = rows.text(0, 0);
	if (status == "in progress" || (status == "committed" && !rows.boolean(0, 1)))
		return Outcome::pending;
	return status == "aborted" ? Outcome::rolled_back : Outcome::unknown;
}

constexpr char find_unknown_erasures_sql[] = R"(
SELECT l.i
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
       WITH ORDINALITY l(id, dataset, subject, email, status, i)
 WHERE NOT EXISTS (SELECT FROM etl.erasure e
                    WHERE e.erasure_id = l.id AND e.dataset = l.dataset
                      AND coalesce(e.subject, '') = l.subject
                      AND coalesce(e.email, '') = l.email AND e.status = l.status)
 ORDER BY l.i)";

/// Removes the erasures that the catalog does know.
void
drop_known(std::vector<JournalLine> &lines)
{
	std::vector<JournalLine> missing;
	for (size_t from = 0; from < lines.size(); from += limits::compared_lines)
	{
		const size_t to = std::min(lines.size(), from + limits::compared_lines);
		std::vector<int64_t> ids;
		std::vector<std::string_view> datasets, subjects, emails, statuses;
		for (size_t i = from; i < to; ++i)
		{
			ids.push_back(lines[i].erasure_id);
			datasets.push_back(lines[i].dataset);
			subjects.push_back(lines[i].subject);
			emails.push_back(lines[i].email);
			statuses.push_back(lines[i].status);
		}
		const pg::Rows rows =
			pg::query(find_unknown_erasures_sql,
					  {pg::param_array(ids), pg::param_array(datasets), pg::param_array(subjects),
					   pg::param_array(emails), pg::param_array(statuses)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			missing.push_back(std::move(lines[from + static_cast<size_t>(rows.integer(i, 0)) - 1]));
	}
	lines = std::move(missing);
}

/// Sorts out erasures that were rolled back or are still in progress. The others are missing.
void
resolve(std::vector<JournalLine> lines, const std::vector<JournalLine> &outcomes,
		JournalState &state)
{
	if (lines.empty())
		return;
	// 0: no line says how the erasure ended; 1: committed; 2: rolled back
	std::map<int64_t, int> ended;
	for (const JournalLine &o : outcomes)
		for (auto line =
				 std::lower_bound(lines.begin(), lines.end(), o.first,
								  [](const JournalLine &l, int64_t seq) { return l.seq < seq; });
			 line != lines.end() && line->seq <= o.last; ++line)
			ended[line->seq] = o.kind == JournalLine::Kind::committed ? 1 : 2;
	const JournalOrigin here = present_origin();
	std::map<uint64_t, Outcome> known;
	std::vector<JournalLine> missing;
	for (JournalLine &line : lines)
	{
		const auto end = ended.find(line.seq);
		const int how = end == ended.end() ? 0 : end->second;
		if (how == 2)
		{
			++state.rolled_back;
			continue;
		}
		const uint64_t cached = line.origin.system ^ line.origin.xid ^
								(static_cast<uint64_t>(line.origin.timeline) << 40);
		auto outcome = known.find(cached);
		if (outcome == known.end())
			outcome = known.emplace(cached, outcome_of(line.origin, here)).first;
		if (outcome->second == Outcome::pending)
			continue;
		if (how == 0 && outcome->second == Outcome::rolled_back)
		{
			++state.rolled_back;
			if (!state.crashed.empty() && state.crashed.back().second + 1 == line.seq)
				state.crashed.back().second = line.seq;
			else
				state.crashed.emplace_back(line.seq, line.seq);
			continue;
		}
		missing.push_back(std::move(line));
	}
	for (JournalLine &line : missing)
		if (line.kind == JournalLine::Kind::decision)
			state.decisions.push_back(std::move(line));
	std::erase_if(missing,
				  [](const JournalLine &line) { return line.kind == JournalLine::Kind::decision; });
	drop_known_decisions(state.decisions);
	// a request that was held and later carried out has two lines, of which the last one counts
	std::map<std::string, size_t> last;
	for (size_t i = 0; i < missing.size(); ++i)
		last[std::to_string(missing[i].erasure_id) + missing[i].dataset + missing[i].subject +
			 missing[i].email] = i;
	if (last.size() < missing.size())
	{
		std::vector<JournalLine> kept;
		for (size_t i = 0; i < missing.size(); ++i)
			if (last[std::to_string(missing[i].erasure_id) + missing[i].dataset +
					 missing[i].subject + missing[i].email] == i)
				kept.push_back(std::move(missing[i]));
		missing = std::move(kept);
	}
	drop_known(missing);
	state.missing = std::move(missing);
}

} // namespace

void
read_journal_state(int fd, const JournalMark &mark, bool whole, JournalState &state)
{
	const std::string damaged =
		"Take the journal from its own backup. SELECT etl_journal_renew('…'); begins a new one; "
		"what only the old one knew is lost then.";
	struct stat info;
	if (fstat(fd, &info) != 0)
		fail_journal_io(errno, "read", state.path);
	if (static_cast<uint64_t>(info.st_size) < mark.end.position)
	{
		state.problem = "It was cut: it has " + std::to_string(info.st_size) +
						" bytes, and the database knows " + std::to_string(mark.end.position) + ".";
		state.hint = damaged;
		return;
	}
	if (!journal_line_matches(fd, mark.end))
	{
		state.problem = "It was altered: line " + std::to_string(mark.end.seq) +
						" is not the one that the database knows.";
		state.hint = damaged;
		return;
	}
	JournalReader reader(fd, whole ? JournalEnd() : mark.end);
	std::vector<JournalLine> lines, outcomes;
	for (JournalLine line; reader.next(line);)
	{
		switch (line.kind)
		{
		case JournalLine::Kind::begin:
			break;
		case JournalLine::Kind::erasure:
			++state.entries;
			if (line.seq > mark.end.seq)
				lines.push_back(std::move(line));
			break;
		case JournalLine::Kind::decision:
			if (line.seq > mark.end.seq)
				lines.push_back(std::move(line));
			break;
		case JournalLine::Kind::committed:
		case JournalLine::Kind::rolled_back:
			outcomes.push_back(std::move(line));
			break;
		}
		if (reader.end().seq % 10000 == 0)
			pg::check_for_interrupts();
	}
	state.end = reader.end();
	state.torn = reader.torn();
	if (!reader.problem().empty())
	{
		state.problem = "Its " + reader.problem() + ".";
		state.hint = damaged;
		return;
	}
	resolve(std::move(lines), outcomes, state);
}

JournalState
journal_state_of(const JournalMark &mark, bool whole)
{
	JournalState state;
	const std::string directory = journal_directory(mark);
	if (directory.empty())
		return state;
	state.path = journal_path(directory, mark);
	const ScopedFd file(open(state.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (file.get() < 0)
	{
		if (errno != ENOENT)
			fail_journal_io(errno, "open", state.path);
		if (mark.end.seq > 0)
		{
			state.problem = "It is missing, and the database knows " +
							std::to_string(mark.end.seq) + " lines of it.";
			state.hint = "Set etl.journal_dir to the directory where it is (last known: \"" +
						 mark.directory +
						 "\"). SELECT etl_journal_renew('…'); begins a new one; what only the old "
						 "one knew is lost then.";
		}
		return state;
	}
	state.exists = true;
	read_journal_state(file.get(), mark, whole, state);
	return state;
}

void
require_known(const JournalState &state)
{
	if (!state.problem.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"erasure journal \"" + state.path + "\" cannot be trusted", state.problem,
						state.hint);
	if (state.missing.empty() && state.decisions.empty())
		return;
	const std::string &since =
		state.missing.empty() ||
				(!state.decisions.empty() && state.decisions[0].seq < state.missing[0].seq)
			? state.decisions[0].at
			: state.missing[0].at;
	throw pg::Error(
		sqlstate::object_not_in_prerequisite_state, "the database is behind its erasure journal",
		missing_text(state) + " in \"" + state.path + "\", the first of " + since +
			", are not known here: the database was restored from before them" +
			(state.missing.empty() ? "." : ", and the people who were erased are back."),
		"SELECT * FROM etl_reapply();");
}

} // namespace etl
