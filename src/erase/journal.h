// The erasure journal: a file outside the data directory that survives a restore of the database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etl
{

struct JournalErasure
{
	int64_t erasure_id = 0;
	std::string dataset;
	std::string subject, email; ///< keyed pseudonyms, never identifiers
	std::string status;         ///< as in etl.erasure
	int64_t row_count = 0;
};

/// Appends the erasures and syncs the journal: when this returns they are on the disk, before the
/// transaction commits. Without etl.journal_dir nothing is written and false is returned, so that
/// the caller can say so.
bool append_journal(const std::vector<JournalErasure> &erasures);

/// Throws 55000 with the hint to call etl_reapply() when the journal holds erasures that this
/// database does not know: it was restored from before them.
void require_journal_applied();

} // namespace etl
