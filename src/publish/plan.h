// What happens to files once the transaction has committed, and what is cleaned up when it has not.
//
// The plan is made inside the transaction: a row of etl.file_action for each step, and the same
// step in a log of the transaction's own (pending_plan.h). When the transaction commits, the
// steps are carried out; when a crash gets in between, the rows are there and the next run carries
// them out (recover.cpp). A rollback, of the transaction or of a savepoint around it, removes the
// files written for it. docs/explanation/reliability.md has the whole protocol.
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

/// Records the actions in etl.file_action and in memory. What they publish or replace a file with
/// must have been written by this transaction: its rollback removes it.
void plan_actions(const std::string &dataset, std::vector<FileAction> actions);

/// A file that is removed when the current (sub)transaction rolls back.
void remove_on_rollback(const std::string &path);
/// One that is removed when the current subtransaction rolls back, and when the transaction ends.
void remove_at_end(const std::string &path);
/// How many such files there are.
size_t planned_removals();
/// Forgets those that came after so many: they are gone, or an action has taken them over.
void forget_removals_after(size_t count);

/// The number of the first row of etl.file_action that this transaction has planned for a dataset;
/// all after it are its own as well, since the dataset is locked. INT64_MAX: none.
int64_t first_planned_action(const std::string &dataset);
/// Whether a finished file, or one that is being written, is this transaction's, or waits to be
/// given its final name since an earlier one.
bool is_pending_part(const std::string &path);
/// Part files say in their name which process wrote them: whether it is another one that is still
/// there. Nothing of a transaction that is still running (an erasure touches the files of other
/// datasets) is removed.
bool is_written_now(const char *name);
/// What recover() could not do yet with a raw file is done otherwise by this transaction.
void supersede_unfinished(int64_t file_id);
/// What recover() could not do yet, of a dataset; forgotten when the transaction ends.
void add_unfinished(const std::string &dataset, const std::vector<FileAction> &actions);

/// The folder for files that are not finished: below the processed folder, so that giving them
/// their final name is a rename; one for each database and dataset. Created when missing.
std::string part_folder(const pg::Settings &settings, const std::string &dataset);

/// A name in that folder that no other file of this backend has had.
std::string part_name(const std::string &folder, int64_t file_id, const char *kind);

/// Opens files without a name there, for what does not fit in memory.
OpenSpillFile spill_to(const std::string &folder);

/// Where the contents of files are that actions which are not carried out yet will put at those
/// paths: present names by path; none for a path that is what it will be.
std::unordered_map<std::string, std::string> pending_sources(const std::vector<std::string> &paths);

/// Whether such an action will put a file there.
bool destination_taken(const std::string &path);

/// What takes a raw file away, and is not carried out yet.
struct WaitingRaw
{
	FileAction action;
	bool tried = false; ///< since an earlier transaction, and it could not be done
};
/// Those of files of the catalog, by file_id.
std::unordered_map<int64_t, WaitingRaw> waiting_raw_files(const std::set<int64_t> &file_ids);

/// Whether such an action will take that raw file away: its records are loaded.
bool is_taken_up(const std::string &path, const FileIdentity &identity);
/// The same of this transaction's actions only.
bool is_taken_up_now(const std::string &path, const FileIdentity &identity);

} // namespace etl
