// The erasure journal: a file outside the data directory that survives a restore of the database.
//
// Each erasure is in the file, and the file on the disk, before its transaction commits; after the
// transaction's end a line says how it ended. The catalog (etl.journal) remembers the last line
// that the database knows. A database whose mark is behind the file's erasures was restored from
// before them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/audit/journal_file.h"

namespace etl
{

/// Of a person's emails so many are written: a line has its limits.
constexpr size_t most_known_emails = 100;

struct JournalErasure
{
	int64_t erasure_id = 0;
	std::string dataset;
	std::string subject, email; ///< keyed pseudonyms, never identifiers
	std::string status;         ///< as in etl.erasure
	std::string received_at;    ///< the same, as ISO 8601, UTC, with microseconds
	int64_t row_count = 0;
	/// The subject's keyed hash as in etl.subject_page: finds, after a restore, the files of a
	/// person of whom only files are left. 0: not known.
	uint64_t file_hash = 0;
	/// The same of the email, where it has a tombstone.
	uint64_t email_hash = 0;
	/// The same of emails that the subject had: a database that was restored from before the person
	/// came must know them, too. Only the first few are written.
	std::vector<uint64_t> known_emails;
};

/// Bytes of a reason: a line of the journal has its limits.
constexpr size_t max_reason = 4000;

/// What a restored database must know as well, or it would erase whom it must keep, keep whom it
/// must erase, or treat the records of somebody who came back.
struct JournalDecision
{
	std::string action; ///< hold, release, refuse, extend, reinstate
	std::string dataset;
	std::string subject, email; ///< keyed pseudonyms; both empty: everybody in the dataset
	int64_t erasure_id = 0;     ///< of refuse, extend, reinstate
	uint64_t file_hash = 0;     ///< of hold
	std::string reason, actor;
	std::string at; ///< as the catalog has it: ISO 8601, UTC, with microseconds
};

/// Appends the erasures and syncs the journal: when this returns they are on the disk, before the
/// transaction commits. Without etl.journal_dir nothing is written and false is returned, so that
/// the caller can say so. Throws 55000 where require_journal_applied() would. The erasures are made
/// one by one, once or twice: a file may ask for a million.
bool append_journal(size_t count, const std::function<JournalErasure(size_t)> &erasure);

/// The same for decisions.
bool append_journal(const std::vector<JournalDecision> &decisions);

/// Throws 55000 with the hint to call etl_reapply() when the journal holds erasures that this
/// database does not know: it was restored from before them. Throws 55000 as well when the journal
/// is missing, cut or altered.
void require_journal_applied();

/// What the journal says about this database.
struct JournalState
{
	bool exists = false;              ///< there is a file
	std::string path;                 ///< of the file; "" without etl.journal_dir
	std::vector<JournalLine> missing; ///< erasures that the database does not know
	/// Decisions that it does not know, in the order in which they were made.
	std::vector<JournalLine> decisions;
	int64_t entries = 0;     ///< erasures in the part that was read
	int64_t rolled_back = 0; ///< of them: that never happened
	/// First and last lines of erasures that a crash rolled back, which no line says yet.
	std::vector<std::pair<int64_t, int64_t>> crashed;
	bool torn = false;   ///< the last line is incomplete
	JournalEnd end;      ///< the last complete line
	std::string problem; ///< why it can't be trusted
	std::string hint;
};

/// "2 erasures and 1 decision (…)": what the database does not know.
std::string missing_text(const JournalState &state);

/// whole: reads the journal from its first line, and not only from where the database knows it.
JournalState journal_state(bool whole);

/// While one lives, append_journal writes nothing: the erasures come from the journal.
class JournalPause
{
  public:
	JournalPause();
	~JournalPause();
	JournalPause(const JournalPause &) = delete;
	JournalPause &operator=(const JournalPause &) = delete;
};

/// Locks etl.journal until the transaction ends: one erasure at a time appends.
void lock_journal();
/// The database knows all up to end.
void set_journal_mark(const JournalEnd &end);
/// Names the key of the pseudonyms without giving it away.
std::string key_id(const std::string &secret);

/// Registers the transaction callbacks; called once when the library is loaded.
void register_journal_callbacks();

} // namespace etl
