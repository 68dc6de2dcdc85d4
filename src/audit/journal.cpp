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

std::string
hex16(uint64_t value)
{
	if (value == 0)
		return {};
	char text[17];
	pg_snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
	return text;
}

void
sync_folder(const std::string &folder)
{
	const ScopedFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd.get() < 0 || fsync(fd.get()) != 0)
		fail_journal_io(errno, "sync the directory of the", folder);
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
		if (file.get() < 0 || !lock_file(file.get(), 10000, false))
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

/// Completes the common fields of all lines, appends the lines and syncs the journal.
bool
append_lines(size_t count, const MakeLine &line_at)
{
	if (paused > 0)
		return true;
	lock_journal();
	const JournalMark mark = read_journal_mark();
	const std::string folder = journal_folder(mark);
	if (folder.empty())
		return false;
	if (count == 0)
		return true;
	const std::string path = journal_path(folder, mark);
	const std::string key = key_id(pg::secret(pg::KeyUse::keep));
	// Before a line names the transaction's id, the WAL up to it must be on disk. If the server
	// crashes now, it must recover to a point after it. Otherwise it would look like a restored
	// server.
	JournalOrigin origin = present_origin();
	pg::call(
		[&]
		{
			origin.xid = U64FromFullTransactionId(GetTopFullTransactionId());
			XLogFlush(XactLastRecEnd); // locking etl.journal has written WAL
			origin.lsn = XactLastRecEnd;
		});
	{
		const JournalState before = journal_state_of(mark, false);
		require_known(before);
		settle(before);
	}

	const ScopedFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (file.get() < 0)
		fail_journal_io(errno, "open", path);
	if (!lock_file(file.get(), 60000, true))
		throw pg::Error(sqlstate::lock_not_available,
						"could not lock erasure journal \"" + path + "\"",
						"Another server holds it.");
	// read again with the file locked, because another server may have written meanwhile
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
	JournalEnd end = state.end;
	const uint64_t start = end.position;
	uint64_t written = start;
	std::string text;
	const auto flush = [&](bool last)
	{
		if (!last && text.size() < (1 << 20))
			return;
		if (!write_fully_at(file.get(), text, written) || (last && fsync(file.get()) != 0))
		{
			const int error = errno;
			(void)!ftruncate(file.get(), static_cast<off_t>(start));
			fail_journal_io(error, "write", path);
		}
		written += text.size();
		text.clear();
	};
	if (end.seq == 0)
		append_history(mark, key, count, line_at, end, text);
	const int64_t first = end.seq + 1;
	const std::string now = journal_time();
	for (size_t i = 0; i < count; ++i)
	{
		JournalLine line = line_at(i);
		line.at = now;
		line.key_id = key;
		line.origin = origin;
		text += journal_text(line, end);
		flush(false);
	}
	ETL_FAULT("journal_write");
	flush(true);
	ETL_FAULT("journal_synced");
	if (start == 0)
		sync_folder(folder);
	pending_path = path;
	pending_end = end;
	pending.push_back({GetCurrentSubTransactionId(), first, end.seq});
	set_journal_mark(end);
	return true;
}

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
UPDATE etl.journal SET seq = $1, position = $2, hash = $3, folder = $4)";

void
set_journal_mark(const JournalEnd &end)
{
	const AsCatalogOwner owner;
	pg::execute(set_journal_mark_sql,
				{pg::param(end.seq), pg::param(static_cast<int64_t>(end.position)),
				 pg::param(end.hash), pg::param(pg::Settings::current().journal_dir)});
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
append_journal(size_t count, const std::function<JournalErasure(size_t)> &erasure_at)
{
	return append_lines(count,
						[&](size_t i)
						{
							JournalErasure erasure = erasure_at(i);
							JournalLine line;
							line.erasure_id = erasure.erasure_id;
							line.dataset = std::move(erasure.dataset);
							line.subject = std::move(erasure.subject);
							line.email = std::move(erasure.email);
							line.status = std::move(erasure.status);
							line.received_at = std::move(erasure.received_at);
							line.row_count = erasure.row_count;
							line.file_hash = hex16(erasure.file_hash);
							line.email_hash = hex16(erasure.email_hash);
							for (size_t k = 0;
								 k < std::min(erasure.known_emails.size(), most_known_emails); ++k)
								line.known_emails.push_back(hex16(erasure.known_emails[k]));
							return line;
						});
}

bool
append_journal(const std::vector<JournalDecision> &decisions)
{
	return append_lines(decisions.size(),
						[&](size_t i)
						{
							const JournalDecision &decision = decisions[i];
							JournalLine line;
							line.kind = JournalLine::Kind::decision;
							line.action = decision.action;
							line.erasure_id = decision.erasure_id;
							line.dataset = decision.dataset;
							line.subject = decision.subject;
							line.email = decision.email;
							line.file_hash = hex16(decision.file_hash);
							line.reason = decision.reason;
							line.actor = decision.actor;
							line.received_at = decision.at;
							return line;
						});
}

} // namespace etl
