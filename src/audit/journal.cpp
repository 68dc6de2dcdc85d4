#include "audit/journal.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "audit/journal_history.h"
#include "audit/journal_state.h"
#include "core/base/hash.h"
#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/privacy/key_ring.h"
#include "pg/callback.h"
#include "pg/catalog_owner.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "access/xact.h"
#include "access/xlog.h"
}

namespace etl
{

namespace
{

/// Lines of this transaction whose outcome is still to be written. Threads do not access this.
struct Pending
{
	SubTransactionId subtransaction;
	int64_t first, last;
};
std::vector<Pending> pending;
std::string pending_path;
JournalEnd pending_end;
int paused = 0;

/// Locks the journal against other clusters (a copy, a promoted standby), which may use the same
/// directory.
bool
lock_file(int fd, int milliseconds, bool interruptible)
{
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += 2)
	{
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= milliseconds)
			return false;
		if (interruptible)
			pg::check_for_interrupts();
		pg_usleep(2000);
	}
	return true;
}

void
sync_directory(const std::string &directory)
{
	const ScopedFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd.get() < 0 || fsync(fd.get()) != 0)
		fail_journal_io(errno, "sync the directory of the", directory);
}

/// Removes the lines `first` to `last` from the ranges.
void
subtract(std::vector<Pending> &ranges, int64_t first, int64_t last)
{
	std::vector<Pending> left;
	for (const Pending &range : ranges)
	{
		if (range.first < first)
			left.push_back({range.subtransaction, range.first, std::min(range.last, first - 1)});
		if (range.last > last)
			left.push_back({range.subtransaction, std::max(range.first, last + 1), range.last});
	}
	ranges = std::move(left);
}

/// Writes how lines ended. `known` is a line before the end of the journal at `path`. Lines whose
/// outcome another session has written already are left out: a session sees that a transaction was
/// rolled back shortly before the transaction itself writes it. Called at the end of a transaction,
/// so it must not raise errors.
void
write_outcome(const std::string &path, JournalEnd &known, JournalLine::Kind kind,
			  std::vector<Pending> ranges) noexcept
{
	try
	{
		const ScopedFd file(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
		if (file.get() < 0 || !lock_file(file.get(), limits::journal_outcome_wait_ms, false))
			return;
		JournalReader reader(file.get(), known);
		for (JournalLine line; reader.next(line);)
			if (line.kind == JournalLine::Kind::committed ||
				line.kind == JournalLine::Kind::rolled_back)
				subtract(ranges, line.first, line.last);
		if (ranges.empty() || !reader.problem().empty() || reader.torn())
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
		if (!write_fully_at(file.get(), text, start))
		{
			(void)!ftruncate(file.get(), static_cast<off_t>(start));
			return;
		}
		// a commit is also in the WAL, but this line is the only trace of a rollback
		if (kind == JournalLine::Kind::rolled_back)
			(void)fdatasync(file.get());
		known = end;
	}
	catch (...)
	{
	}
}

/// Records which erasures a crash has rolled back, because this server knows it now and a restored
/// one could not.
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
		ETL_FAULT("journal_outcome");
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

/// The origin of lines of this transaction. Before a line names the transaction's id, the WAL up to
/// it must be on disk: if the server crashes now, it must recover to a point after it, or it would
/// look like a restored server.
JournalOrigin
origin_of_transaction()
{
	JournalOrigin origin = present_origin();
	pg::call(
		[&]
		{
			origin.xid = U64FromFullTransactionId(GetTopFullTransactionId());
			XLogFlush(XactLastRecEnd); // locking etl.journal has written WAL
			origin.lsn = XactLastRecEnd;
		});
	return origin;
}

/// Opens the journal, made if it is missing, locks the file and reads it once more, because
/// another server may have written since. Sets `end` to where lines are appended.
ScopedFd
open_for_append(const std::string &path, const JournalMark &mark, JournalEnd &end)
{
	ScopedFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (file.get() < 0)
		fail_journal_io(errno, "open", path);
	if (!lock_file(file.get(), limits::journal_wait_ms, true))
		throw pg::Error(sqlstate::lock_not_available,
						"could not lock erasure journal \"" + path + "\"",
						"Another server holds it.");
	JournalState state;
	state.path = path;
	read_journal_state(file.get(), mark, false, state);
	require_known(state);
	if (state.torn)
	{
		pg::notice(WARNING,
				   "removed an incomplete line at the end of erasure journal \"" + path + "\"",
				   "The server stopped while it wrote it, before its transaction could commit.");
		if (ftruncate(file.get(), static_cast<off_t>(state.end.position)) != 0)
			fail_journal_io(errno, "truncate", path);
	}
	end = state.end;
	return file;
}

/// Writes texts to the end of the journal, some of them together. If that fails the file is cut to
/// where it ended before.
class JournalWriter
{
  public:
	JournalWriter(int fd, const std::string &path, uint64_t start)
		: fd_(fd), path_(path), start_(start), written_(start)
	{
	}
	std::string &text() { return text_; }
	void flush_if_long()
	{
		if (text_.size() >= limits::journal_write_bytes)
			write(false);
	}
	void finish() { write(true); }

  private:
	void write(bool sync)
	{
		if (!write_fully_at(fd_, text_, written_) || (sync && fsync(fd_) != 0))
		{
			const int error = errno;
			(void)!ftruncate(fd_, static_cast<off_t>(start_));
			fail_journal_io(error, "write", path_);
		}
		written_ += text_.size();
		text_.clear();
	}

	const int fd_;
	const std::string &path_;
	const uint64_t start_;
	uint64_t written_;
	std::string text_; ///< not written yet
};

} // namespace

void
register_journal_callbacks()
{
	RegisterXactCallback(pg::callback<at_transaction_end>, nullptr);
	RegisterSubXactCallback(pg::callback<at_subtransaction_end>, nullptr);
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

constexpr char lock_journal_sql[] = R"(SELECT 1 FROM etl.journal FOR UPDATE)";

void
lock_journal()
{
	const AsCatalogOwner owner;
	pg::query(lock_journal_sql);
}

constexpr char set_journal_mark_sql[] = R"(
UPDATE etl.journal SET seq = $1, position = $2, hash = $3, directory = $4)";

void
set_journal_mark(const JournalEnd &end)
{
	const AsCatalogOwner owner;
	pg::execute(set_journal_mark_sql,
				{pg::param(end.seq), pg::param(static_cast<int64_t>(end.position)),
				 pg::param(end.hash), pg::param(pg::Settings::current().journal_dir)});
}

std::string
missing_text(const JournalState &state)
{
	const auto count = [](size_t n, const char *one, const char *many)
	{ return std::to_string(n) + " " + (n == 1 ? one : many); };
	std::string text;
	if (!state.missing.empty())
		text = count(state.missing.size(), "erasure", "erasures");
	if (!state.decisions.empty())
		text += (text.empty() ? "" : " and ") +
				count(state.decisions.size(), "decision", "decisions") +
				" (holds, releases, refusals, extensions, reinstatements)";
	return text;
}

JournalState
journal_state(bool whole)
{
	return journal_state_of(read_journal_mark(), whole);
}

void
require_journal_applied()
{
	if (paused > 0)
		return;
	const JournalState state = journal_state_of(read_journal_mark(), false);
	require_known(state);
	settle(state);
}

bool
append_journal(size_t count, const MakeLine &line_at)
{
	if (paused > 0)
		return true;
	lock_journal();
	const JournalMark mark = read_journal_mark();
	const std::string directory = journal_directory(mark);
	if (directory.empty())
		return false;
	if (count == 0)
		return true;
	const std::string path = journal_path(directory, mark);
	const std::string key = key_id(pg::secret(pg::KeyUse::keep));
	const JournalOrigin origin = origin_of_transaction();
	{
		const JournalState before = journal_state_of(mark, false);
		require_known(before);
		settle(before);
	}

	JournalEnd end;
	const ScopedFd file = open_for_append(path, mark, end);
	const uint64_t start = end.position;
	JournalWriter writer(file.get(), path, start);
	if (end.seq == 0)
		append_history(mark, key, count, line_at, end, writer.text());
	const int64_t first = end.seq + 1;
	const std::string now = journal_time();
	for (size_t i = 0; i < count; ++i)
	{
		JournalLine line = line_at(i);
		line.at = now;
		line.key_id = key;
		line.origin = origin;
		if (line.known_emails.size() > limits::journal_emails)
			line.known_emails.resize(limits::journal_emails);
		writer.text() += journal_text(line, end);
		writer.flush_if_long();
	}
	ETL_FAULT("journal_write");
	writer.finish();
	ETL_FAULT("journal_synced");
	if (start == 0)
		sync_directory(directory);
	pending_path = path;
	pending_end = end;
	pending.push_back({GetCurrentSubTransactionId(), first, end.seq});
	set_journal_mark(end);
	return true;
}

bool
append_journal(const JournalLine &line)
{
	return append_journal(1, [&](size_t) { return line; });
}

} // namespace etl
