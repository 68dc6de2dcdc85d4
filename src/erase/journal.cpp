#include "erase/journal.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <map>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/key_ring.h"
#include "core/staged_file.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
}

namespace etl
{

namespace
{

/// What the catalog remembers.
struct Mark
{
	std::string journal_id, folder;
	JournalEnd end;
};

/// A file descriptor that closes itself (and so gives up its lock).
struct Descriptor
{
	int fd = -1;
	Descriptor() = default;
	explicit Descriptor(int f) : fd(f) {}
	~Descriptor()
	{
		if (fd >= 0)
			close(fd);
	}
	Descriptor(const Descriptor &) = delete;
	Descriptor &operator=(const Descriptor &) = delete;
};

/// Lines of this transaction whose end is still to be written. Never touched by threads.
struct Pending
{
	SubTransactionId subtransaction;
	int64_t first, last;
};
std::vector<Pending> pending;
std::string pending_path;
JournalEnd pending_end;
int paused = 0;

[[noreturn]] void
fail_io(int error, const std::string &what, const std::string &path)
{
	throw pg::Error(error == ENOENT                      ? "58P01"
					: error == EACCES || error == EPERM  ? "42501"
					: error == ENOSPC || error == EDQUOT ? "53100"
														 : "58030",
					"could not " + what + " erasure journal \"" + path +
						"\": " + std::strerror(error),
					"", "etl.journal_dir must be a folder that the server's user can write to.");
}

Mark
read_mark()
{
	const pg::Rows rows = pg::query("SELECT journal_id::text, coalesce(folder, ''), seq, position,"
									" coalesce(hash, '') FROM etl.journal");
	if (rows.empty())
		throw pg::Error("XX001", "etl.journal has no row",
						"It says which journal is this database's.",
						"SELECT etl_journal_renew('…'); begins a new journal.");
	Mark mark;
	mark.journal_id = rows.text(0, 0);
	mark.folder = rows.text(0, 1);
	mark.end = {rows.integer(0, 2), static_cast<uint64_t>(rows.integer(0, 3)), rows.text(0, 4)};
	return mark;
}

/// Throws when the folder can't serve.
void
check_folder(const std::string &folder)
{
	char resolved[PATH_MAX], data[PATH_MAX];
	if (realpath(folder.c_str(), resolved) == nullptr)
		fail_io(errno, "open the folder of the", folder);
	struct stat info;
	if (stat(resolved, &info) != 0 || !S_ISDIR(info.st_mode))
		throw pg::Error("42809", "etl.journal_dir \"" + folder + "\" is not a folder");
	if (realpath(DataDir, data) == nullptr)
		return;
	const std::string inside = std::string(data) + "/";
	if ((std::string(resolved) + "/").compare(0, inside.size(), inside) == 0)
		throw pg::Error("55000", "etl.journal_dir \"" + folder + "\" is inside the data directory",
						"A restore of the database would take the journal back with it.",
						"Set etl.journal_dir to a folder outside \"" + std::string(DataDir) +
							"\", on storage that is backed up by itself.");
}

std::string
journal_path(const std::string &folder, const Mark &mark)
{
	return folder + "/pg_etl-" + mark.journal_id + ".jsonl";
}

/// The setting, checked; "" when no journal is kept.
std::string
folder_of(const Mark &mark)
{
	const std::string folder = pg::Settings::current().journal_dir;
	if (folder.empty())
	{
		if (mark.end.seq == 0)
			return {};
		throw pg::Error(
			"55000", "setting \"etl.journal_dir\" is not set",
			"This database has an erasure journal, last known in folder \"" + mark.folder +
				"\". Without it nobody can tell whether the database "
				"was restored from before an erasure.",
			"ALTER DATABASE " + pg::quote(pg::query("SELECT current_database()::text").text(0, 0)) +
				" SET etl.journal_dir = " + pg::literal(mark.folder) +
				";  then reconnect. SELECT etl_journal_renew('…'); begins a new "
				"journal where this one is lost.");
	}
	check_folder(folder);
	return folder;
}

/// Other clusters (a copy, a standby that was promoted) may share the folder.
bool
lock_file(int fd, int milliseconds, bool interruptible)
{
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += 10)
	{
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= milliseconds)
			return false;
		if (interruptible)
			pg::check_for_interrupts();
		pg_usleep(10000);
	}
	return true;
}

bool
write_all(int fd, std::string_view bytes, uint64_t position)
{
	while (!bytes.empty())
	{
		const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(position));
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes.remove_prefix(static_cast<size_t>(put));
		position += static_cast<uint64_t>(put);
	}
	return true;
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

enum class Outcome
{
	pending,     ///< its transaction is running, or ended after this one's snapshot
	rolled_back, ///< the server crashed before it committed
	unknown      ///< to a database that does not know the erasure: it was restored
};

/// How the transaction of an erasure that the catalog does not know has ended, as far as this
/// server can tell. Its transaction ids mean something only while it is still the server, on the
/// timeline and past the WAL position, that wrote the line.
Outcome
outcome_of(const JournalOrigin &origin, const JournalOrigin &here)
{
	if (origin.xid == 0 || origin.system != here.system || origin.database != here.database ||
		origin.timeline != here.timeline || origin.lsn > here.lsn || origin.xid >= here.xid)
		return Outcome::unknown;
	const pg::Rows rows = pg::query("SELECT coalesce(pg_xact_status(x), ''),"
									" pg_visible_in_snapshot(x, pg_current_snapshot())"
									" FROM (SELECT $1::xid8) t(x)",
									{pg::param(std::to_string(origin.xid))});
	const std::string status = rows.text(0, 0);
	if (status == "in progress" || (status == "committed" && !rows.boolean(0, 1)))
		return Outcome::pending;
	return status == "aborted" ? Outcome::rolled_back : Outcome::unknown;
}

/// Takes out the erasures that the catalog knows all the same.
void
drop_known(std::vector<JournalLine> &lines)
{
	std::vector<JournalLine> missing;
	constexpr size_t chunk = 50000;
	for (size_t from = 0; from < lines.size(); from += chunk)
	{
		const size_t to = std::min(lines.size(), from + chunk);
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
		const pg::Rows rows = pg::query(
			"SELECT l.i FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])"
			" WITH ORDINALITY l(id, dataset, subject, email, status, i)"
			" WHERE NOT EXISTS (SELECT FROM etl.erasure e WHERE e.erasure_id = l.id"
			" AND e.dataset = l.dataset AND coalesce(e.subject, '') = l.subject"
			" AND coalesce(e.email, '') = l.email AND e.status = l.status) ORDER BY l.i",
			{pg::param_array(ids), pg::param_array(datasets), pg::param_array(subjects),
			 pg::param_array(emails), pg::param_array(statuses)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			missing.push_back(std::move(lines[from + static_cast<size_t>(rows.integer(i, 0)) - 1]));
	}
	lines = std::move(missing);
}

/// Erasures without those that were rolled back or are on their way.
void
resolve(std::vector<JournalLine> lines, const std::vector<JournalLine> &outcomes,
		JournalState &state)
{
	if (lines.empty())
		return;
	// 0: no line says how it ended; 1: committed; 2: rolled back
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
	// a request that was held and then carried out has two lines: the last one counts
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

/// Reads an open journal.
void
read_state(int fd, const Mark &mark, bool whole, JournalState &state)
{
	const std::string damaged =
		"Take the journal from its own backup. SELECT etl_journal_renew('…'); begins a new one; "
		"what only the old one knew is lost then.";
	struct stat info;
	if (fstat(fd, &info) != 0)
		fail_io(errno, "read", state.path);
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
state_of(const Mark &mark, bool whole)
{
	JournalState state;
	const std::string folder = folder_of(mark);
	if (folder.empty())
		return state;
	state.path = journal_path(folder, mark);
	const Descriptor file(open(state.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (file.fd < 0)
	{
		if (errno != ENOENT)
			fail_io(errno, "open", state.path);
		if (mark.end.seq > 0)
		{
			state.problem = "It is missing, and the database knows " +
							std::to_string(mark.end.seq) + " lines of it.";
			state.hint = "Set etl.journal_dir to the folder where it is (last known: \"" +
						 mark.folder +
						 "\"). SELECT etl_journal_renew('…'); begins a new one; what only the old "
						 "one knew is lost then.";
		}
		return state;
	}
	state.exists = true;
	read_state(file.fd, mark, whole, state);
	return state;
}

void
require(const JournalState &state)
{
	if (!state.problem.empty())
		throw pg::Error("55000", "erasure journal \"" + state.path + "\" can't be trusted",
						state.problem, state.hint);
	if (!state.missing.empty())
		throw pg::Error(
			"55000", "the database is behind its erasure journal",
			std::to_string(state.missing.size()) +
				(state.missing.size() == 1 ? " erasure" : " erasures") + " in \"" + state.path +
				"\", the first of " + state.missing[0].at +
				", are not known here: the database was restored from before them, and the people "
				"who were erased are back.",
			"SELECT * FROM etl_reapply();");
}

std::string
hex16(uint64_t value)
{
	char text[17];
	pg_snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
	return text;
}

/// The first lines of a new journal: its name, and the erasures from before it.
void
begin_lines(const Mark &mark, const std::string &key, const std::vector<JournalErasure> &erasures,
			JournalEnd &end, std::string &out)
{
	JournalLine begin;
	begin.kind = JournalLine::Kind::begin;
	begin.at = journal_time();
	begin.text = mark.journal_id;
	out += journal_text(begin, end);
	std::vector<int64_t> own;
	for (const JournalErasure &erasure : erasures)
		own.push_back(erasure.erasure_id);
	const pg::Rows rows = pg::query(
		"SELECT erasure_id, dataset, coalesce(subject, ''), coalesce(email, ''), status, row_count,"
		" to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
		" FROM etl.erasure WHERE erasure_id <> ALL ($1) ORDER BY erasure_id",
		{pg::param_array(own)});
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		JournalLine line;
		line.at = begin.at;
		line.erasure_id = rows.integer(i, 0);
		line.dataset = rows.text(i, 1);
		line.subject = rows.text(i, 2);
		line.email = rows.text(i, 3);
		line.status = rows.text(i, 4);
		line.row_count = rows.integer(i, 5);
		line.received_at = rows.text(i, 6);
		line.key_id = key;
		out += journal_text(line, end);
	}
}

void
sync_folder(const std::string &folder)
{
	const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd.fd < 0 || fsync(fd.fd) != 0)
		fail_io(errno, "sync the folder of the", folder);
}

/// Says how lines ended; known: a line before the end of the journal at path. Called while a
/// transaction ends: nothing here may fail loudly.
void
write_outcome(const std::string &path, JournalEnd &known, JournalLine::Kind kind,
			  const std::vector<Pending> &ranges) noexcept
{
	try
	{
		const Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
		if (file.fd < 0 || !lock_file(file.fd, 2000, false))
			return;
		JournalReader reader(file.fd, known);
		for (JournalLine line; reader.next(line);)
			;
		if (!reader.problem().empty() || reader.torn())
			return;
		JournalEnd end = reader.end();
		const uint64_t start = end.position;
		std::string text;
		for (const Pending &range : ranges)
		{
			JournalLine line;
			line.kind = kind;
			line.at = journal_time();
			line.first = range.first;
			line.last = range.last;
			text += journal_text(line, end);
		}
		if (!write_all(file.fd, text, start))
		{
			(void)!ftruncate(file.fd, static_cast<off_t>(start));
			return;
		}
		// a commit is in the WAL; of a rollback this is the only trace
		if (kind == JournalLine::Kind::rolled_back)
			(void)fdatasync(file.fd);
		known = end;
	}
	catch (...)
	{
	}
}

/// Writes down what a crash rolled back: this server can tell now, a restored one never could.
void
settle(const JournalState &state)
{
	if (state.crashed.empty() || pg::call([] { return RecoveryInProgress(); }))
		return;
	std::vector<Pending> ranges;
	for (const auto &[first, last] : state.crashed)
		ranges.push_back({0, first, last});
	JournalEnd end = state.end;
	write_outcome(state.path, end, JournalLine::Kind::rolled_back, ranges);
}

void
at_transaction_end(XactEvent event, void *)
{
	if (pending.empty())
		return;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
	{
		write_outcome(pending_path, pending_end,
					  event == XACT_EVENT_COMMIT ? JournalLine::Kind::committed
												 : JournalLine::Kind::rolled_back,
					  pending);
		pending.clear();
	}
	else if (event == XACT_EVENT_PRE_PREPARE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has erased people")));
}

void
at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (Pending &p : pending)
			if (p.subtransaction == id)
				p.subtransaction = parent;
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		std::vector<Pending> gone;
		std::erase_if(pending,
					  [&](const Pending &p)
					  {
						  if (p.subtransaction == id)
							  gone.push_back(p);
						  return p.subtransaction == id;
					  });
		if (!gone.empty())
			write_outcome(pending_path, pending_end, JournalLine::Kind::rolled_back, gone);
	}
}

} // namespace

void
register_journal_callbacks()
{
	RegisterXactCallback(at_transaction_end, nullptr);
	RegisterSubXactCallback(at_subtransaction_end, nullptr);
}

JournalPause::JournalPause()
{
	++paused;
}
JournalPause::~JournalPause()
{
	--paused;
}

std::string
key_id(const std::string &secret)
{
	const auto mac = hmac_sha256(erasure_key(secret), "etl key id");
	return to_hex({reinterpret_cast<const char *>(mac.data()), 8});
}

void
lock_journal()
{
	pg::query("SELECT 1 FROM etl.journal FOR UPDATE");
}

void
set_journal_mark(const JournalEnd &end)
{
	pg::execute("UPDATE etl.journal SET seq = $1, position = $2, hash = $3, folder = $4",
				{pg::param(end.seq), pg::param(static_cast<int64_t>(end.position)),
				 pg::param(end.hash), pg::param(pg::Settings::current().journal_dir)});
}

JournalState
journal_state(bool whole)
{
	return state_of(read_mark(), whole);
}

void
require_journal_applied()
{
	if (paused > 0)
		return;
	const JournalState state = state_of(read_mark(), false);
	require(state);
	settle(state);
}

bool
append_journal(const std::vector<JournalErasure> &erasures)
{
	if (paused > 0)
		return true;
	lock_journal();
	const Mark mark = read_mark();
	const std::string folder = folder_of(mark);
	if (folder.empty())
		return false;
	if (erasures.empty())
		return true;
	const std::string path = journal_path(folder, mark);
	const std::string key = key_id(pg::secret());
	// the transaction's id, before the line that names it
	JournalOrigin origin = present_origin();
	origin.xid = pg::call([] { return U64FromFullTransactionId(GetTopFullTransactionId()); });
	{
		const JournalState before = state_of(mark, false);
		require(before);
		settle(before);
	}

	const Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (file.fd < 0)
		fail_io(errno, "open", path);
	if (!lock_file(file.fd, 60000, true))
		throw pg::Error("55P03", "could not lock erasure journal \"" + path + "\"",
						"Another server holds it.");
	// again, under the lock: another server may have written meanwhile
	JournalState state;
	state.path = path;
	read_state(file.fd, mark, false, state);
	require(state);
	if (state.torn)
	{
		pg::notice(WARNING,
				   "removed an incomplete line at the end of erasure journal \"" + path + "\"",
				   "The server stopped while it wrote it, before its transaction could commit.");
		if (ftruncate(file.fd, static_cast<off_t>(state.end.position)) != 0)
			fail_io(errno, "truncate", path);
	}
	JournalEnd end = state.end;
	const uint64_t start = end.position;
	uint64_t written = start;
	std::string text;
	const auto flush = [&](bool last)
	{
		if (!last && text.size() < (1 << 20))
			return;
		if (!write_all(file.fd, text, written) || (last && fsync(file.fd) != 0))
		{
			const int error = errno;
			(void)!ftruncate(file.fd, static_cast<off_t>(start));
			fail_io(error, "write", path);
		}
		written += text.size();
		text.clear();
	};
	if (end.seq == 0)
		begin_lines(mark, key, erasures, end, text);
	const int64_t first = end.seq + 1;
	const std::string now = journal_time();
	for (const JournalErasure &erasure : erasures)
	{
		JournalLine line;
		line.at = now;
		line.erasure_id = erasure.erasure_id;
		line.dataset = erasure.dataset;
		line.subject = erasure.subject;
		line.email = erasure.email;
		line.status = erasure.status;
		line.received_at = now;
		line.row_count = erasure.row_count;
		if (erasure.file_hash != 0)
			line.file_hash = hex16(erasure.file_hash);
		line.key_id = key;
		line.origin = origin;
		text += journal_text(line, end);
		flush(false);
	}
	flush(true);
	if (start == 0)
		sync_folder(folder);
	pending_path = path;
	pending_end = end;
	pending.push_back({GetCurrentSubTransactionId(), first, end.seq});
	set_journal_mark(end);
	return true;
}

} // namespace etl
