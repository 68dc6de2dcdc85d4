// Reading the erasure journal: what a database's own journal says about it.
#pragma once

#include <functional>
#include <unistd.h>

#include "audit/journal.h"

namespace etl
{

/// What the catalog remembers.
struct JournalMark
{
	std::string journal_id, folder;
	JournalEnd end;
};

[[noreturn]] void fail_journal_io(int error, const std::string &what, const std::string &path);

JournalMark read_journal_mark();
/// The setting, checked; "" when no journal is kept. Throws where the folder can't serve.
std::string journal_folder(const JournalMark &mark);
std::string journal_path(const std::string &folder, const JournalMark &mark);
/// Where a line is written now.
JournalOrigin present_origin();

/// Reads an open journal. whole: from its first line, and not only from where the database knows
/// it.
void read_journal_state(int fd, const JournalMark &mark, bool whole, JournalState &state);
/// Finds the journal and reads it.
JournalState journal_state_of(const JournalMark &mark, bool whole);
/// Throws 55000 unless the journal can be trusted and the database knows all of it.
void require_known(const JournalState &state);

} // namespace etl
