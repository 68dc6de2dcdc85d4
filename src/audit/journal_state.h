// Reads the erasure journal of the database.
#pragma once

#include <functional>
#include <unistd.h>

#include "audit/journal.h"

namespace etl
{

/// The journal's identity and end as the catalog has them.
struct JournalMark
{
	std::string journal_id, directory;
	JournalEnd end;
};

[[noreturn]] void fail_journal_io(int error, const std::string &what, const std::string &path);

JournalMark read_journal_mark();
/// The checked value of the setting, or "" if there is no journal. Throws if the directory cannot
/// be used.
std::string journal_directory(const JournalMark &mark);
std::string journal_path(const std::string &directory, const JournalMark &mark);
/// The origin of a line that is written now.
JournalOrigin present_origin();

/// Reads an open journal. `whole`: from its first line, and not only from the line that the
/// database knows.
void read_journal_state(int fd, const JournalMark &mark, bool whole, JournalState &state);
/// Finds the journal and reads it.
JournalState journal_state_of(const JournalMark &mark, bool whole);
/// Throws 55000 unless the journal can be trusted and the database knows all its lines.
void require_known(const JournalState &state);

} // namespace etl
