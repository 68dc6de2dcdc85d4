// The erasure journal: a file outside the data directory that survives a restore of the database.
//
// Each erasure is in the file, and the file is synced, before the transaction commits. After the
// end of the transaction another line says how it ended. The catalog (etl.journal) has the last
// line that the database knows. If the file has erasures after this line that the database does not
// know, the database was restored from before them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/audit/journal_file.h"

namespace etl
{

/// Makes line i of those to append. The lines are not kept, because an erasure of a million people
/// has as many. Sets the fields that JournalLine calls those of an
/// erasure or a decision; the time of writing, the key and the origin are set for it.
using MakeLine = std::function<JournalLine(size_t i)>;

/// Appends erasures or decisions and syncs the journal, so that they are on disk before the
/// transaction commits. A decision is one that a restored database must know too: otherwise it
/// would erase people whom it must keep, keep people whom it must erase, or treat the records of
/// people who have come back. Without etl.journal_dir nothing is written and false is returned, so
/// that the caller can report it. At most limits::journal_emails of a line are written. Throws
/// 55000 as require_journal_applied() does. line_at(i) is called once or twice, because a file may
/// have requests for a million.
bool append_journal(size_t count, const MakeLine &line_at);
/// Like append_journal() above, for one line.
bool append_journal(const JournalLine &line);

/// Throws 55000 with a hint to call etl_reapply() if the journal has erasures that this database
/// does not know, because it was restored from before them. Throws 55000 also if the journal is
/// missing, cut or altered.
void require_journal_applied();

/// What the journal says about this database.
struct JournalState
{
	bool exists = false;              ///< the file exists
	std::string path;                 ///< path of the file; "" without etl.journal_dir
	std::vector<JournalLine> missing; ///< erasures that the database does not know
	/// Decisions that the database does not know, in the order in which they were made.
	std::vector<JournalLine> decisions;
	int64_t entries = 0;     ///< number of erasures in the part that was read
	int64_t rolled_back = 0; ///< number of these that were rolled back
	/// First and last seq of erasures that a crash has rolled back and for which no line says this
	/// yet.
	std::vector<std::pair<int64_t, int64_t>> crashed;
	bool torn = false;   ///< the last line is incomplete
	JournalEnd end;      ///< the last complete line
	std::string problem; ///< why the journal cannot be trusted; "" if it can
	std::string hint;
};

/// "2 erasures and 1 decision (…)": a text about what the database does not know.
std::string missing_text(const JournalState &state);

/// `whole`: reads the journal from its first line, and not only from the line that the database
/// knows.
JournalState journal_state(bool whole);

/// While an object of this class exists, append_journal() writes nothing, because the erasures come
/// from the journal.
class JournalPause
{
  public:
	JournalPause();
	~JournalPause();
	JournalPause(const JournalPause &) = delete;
	JournalPause &operator=(const JournalPause &) = delete;
};

/// Locks etl.journal until the end of the transaction, so that one erasure at a time appends.
void lock_journal();
/// Notes that the database knows all lines up to `end`.
void set_journal_mark(const JournalEnd &end);
/// Identifies the key of the pseudonyms without revealing it.
std::string key_id(const std::string &secret);

/// Registers the transaction callbacks; called once when the library is loaded.
void register_journal_callbacks();

} // namespace etl
