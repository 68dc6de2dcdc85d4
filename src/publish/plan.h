// The plan: what is done to files after the transaction has committed, and what is removed if it
// rolls back.
//
// The plan is made in the transaction: a row of etl.file_action for each action, and the same
// action in a log of the transaction (pending_plan.h). When the transaction has committed, the
// actions are carried out. After a crash before that, the next run carries out the actions in the
// rows (recover.cpp). A rollback of the transaction, or of a savepoint in it, removes the files
// that were written for it. docs/explanation/reliability.md describes the whole protocol.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/spill_file.h"
#include "core/files/file_identity.h"
#include "core/files/file_move.h"
#include "pg/settings.h"
#include "publish/carry_out.h"

namespace etl
{

/// Registers the transaction callbacks; called once when the library is loaded.
void register_action_callbacks();

/// Records the actions in etl.file_action and in memory. This transaction must have written the
/// files that publish or replace others. Its rollback removes them.
void plan_actions(const std::string &dataset, std::vector<FileAction> actions);

/// Registers a file that is removed when the current (sub)transaction rolls back.
void remove_on_rollback(const std::string &path);
/// Registers a file that is removed when the current subtransaction rolls back, and when the
/// transaction ends.
void remove_at_end(const std::string &path);
/// The number of registered removals.
size_t planned_removals();
/// Drops every removal registered after the first `count`: the files are gone, or an action has
/// taken them over.
void forget_removals_after(size_t count);

/// The action_id of the first action that this transaction has planned for a dataset. All later
/// rows of the dataset are also of this transaction, because the dataset is locked. INT64_MAX if
/// there is none.
int64_t first_planned_action(const std::string &dataset);
/// Whether a part belongs to this transaction, or waits for its final name since an earlier
/// transaction.
bool is_pending_part(const std::string &path);
/// The name of a part contains the pid of the process that wrote it. Returns whether this is
/// another process that still exists. Parts of a running transaction are not removed (an erasure
/// writes parts of other datasets).
bool is_written_now(const char *name);
/// Notes that this transaction replaces an unfinished action for the raw file of file_id.
void supersede_unfinished(int64_t file_id);
/// Adds the actions of a dataset that recover() could not do. They are forgotten at the end of the
/// transaction.
void add_unfinished(const std::string &dataset, const std::vector<FileAction> &actions);

/// The directory for parts. It is below the processed directory, so that a part gets its final name
/// by a rename. Each database and dataset has its own. It is created if missing.
std::string part_folder(const pg::Settings &settings, const std::string &dataset);

/// A name in this directory that no other file of this backend has had.
std::string part_name(const std::string &folder, int64_t file_id, const char *kind);

/// Opens files without a name in this directory, for data that does not fit in memory.
OpenSpillFile spill_to(const std::string &folder);

/// For paths at which pending actions will put a file: where the contents are at present. Paths
/// that no pending action changes are not in the result.
std::unordered_map<std::string, std::string> pending_sources(const std::vector<std::string> &paths);

/// Whether a pending action will put a file at this path.
bool destination_taken(const std::string &path);

/// A pending action that takes a raw file away.
struct WaitingRaw
{
	FileAction action;
	bool tried = false; ///< an earlier transaction planned it, and it could not be done
};
/// The pending actions for raw files with these numbers, by file_id.
std::unordered_map<int64_t, WaitingRaw> waiting_raw_files(const std::set<int64_t> &file_ids);

/// Whether a pending action will take this raw file away, which means that its records are loaded.
bool is_taken_up(const std::string &path, const FileIdentity &identity);
/// Like is_taken_up(), but looks at this transaction's actions only.
bool is_taken_up_now(const std::string &path, const FileIdentity &identity);

} // namespace etl
