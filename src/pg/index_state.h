// Takes an index out of use for a while and puts it back, within one transaction: what CREATE INDEX
// CONCURRENTLY does between its phases (src/backend/commands/indexcmds.c), on an index that exists.
#pragma once

#include "pg/guard.h"

namespace pg
{

/// Locks the table against writers until the transaction ends (SHARE ROW EXCLUSIVE), if it is an
/// ordinary one that has never held a row (its file is empty: no older snapshot sees any either)
/// and nobody is in the way. Readers go on. False when it is not, or is in use further up in this
/// session; then it is not locked.
bool lock_empty_table(Oid table);
/// Gives up what lock_empty_table() took.
void unlock_empty_table(Oid table);

/// From now on the transaction neither maintains the index nor plans with it. Other sessions see
/// it as it is, that is empty, which is what they see of the table. The table must be locked with
/// lock_empty_table().
void suspend_index(Oid index);

/// Whether nobody uses the index just now: who reads its table in an open transaction does.
bool is_index_free(Oid index);

/// Builds the index and takes it into use again. memory: bytes for sorting, here and in parallel
/// workers together. Readers of the table wait from then on until the transaction ends. False, with
/// nothing done, when somebody uses the index.
bool build_suspended_index(Oid index, size_t memory);

/// The same row by row: slower, and nobody waits.
void fill_suspended_index(Oid table, Oid index);

} // namespace pg
