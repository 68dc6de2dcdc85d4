// Suspends the use of an index and resumes it, in one transaction. Does to an existing index what
// CREATE INDEX CONCURRENTLY does between its phases (src/backend/commands/indexcmds.c).
#pragma once

#include "pg/guard.h"

namespace pg
{

/// Locks the table against writers until the end of the transaction (SHARE ROW EXCLUSIVE). Readers
/// can continue. Returns false and does not lock if the table is not an ordinary table, has ever
/// contained a row (only if its file is empty, no older snapshot sees rows either), is in use in
/// this session, or is locked by another session.
bool lock_empty_table(Oid table);
/// Releases the lock of lock_empty_table().
void unlock_empty_table(Oid table);

/// From now on the transaction neither updates the index nor plans with it. Other sessions still
/// see the index as it is, which is empty like the table they see. The table must be locked with
/// lock_empty_table().
void suspend_index(Oid index);

/// Whether no session uses the index at this moment. A session that has read the table in an open
/// transaction uses it.
bool is_index_free(Oid index);

/// Builds the index and resumes its use. `memory` is the number of bytes for sorting, in this
/// process and in parallel workers together. Readers of the table wait until the end of the
/// transaction. Returns false and does nothing if another session uses the index.
bool build_suspended_index(Oid index, size_t memory);

/// Like build_suspended_index(), but inserts the rows one by one. This is slower, but no session
/// has to wait.
void fill_suspended_index(Oid table, Oid index);

} // namespace pg
