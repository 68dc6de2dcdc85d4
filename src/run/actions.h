// What happens to files once the transaction has committed, and what is cleaned up when it has not.
//
// The plan is made inside the transaction: a row of etl.file_action for each step, and the same
// step in memory. When the transaction commits, the steps are carried out; when a crash gets in
// between, the rows are there and the next run carries them out (recover.h). A rollback, of the
// transaction or of a savepoint around it, removes the files written for it. docs/reliability.md
// has the whole protocol.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/file_move.h"
#include "core/stager.h"
#include "run/run.h"

namespace etl
{

struct FileAction
{
	enum class Kind
	{
		publish, ///< rename a finished file to its final name, replacing what has it
		archive, ///< move a raw file
		remove,  ///< unlink a raw file
		replace  ///< publish over a raw file, if that still holds what was read
	};
	Kind kind = Kind::publish;
	int64_t file_id = 0;
	std::string from, to;  ///< absolute
	Sha256 sha256{};       ///< archive, remove, replace: what the raw file must hold
	FileIdentity identity; ///< of the same: what the raw file was when it was read
};

/// What became of an action.
struct ActionResult
{
	bool done = true;    ///< or there is nothing left to do; false: try again later
	std::string problem; ///< what to tell in etl.file.error; empty: none
};

/// Carries an action out; doing it again does nothing. thorough: a raw file that is not the one
/// that was read is taken for it when its contents are the same.
ActionResult carry_out(const FileAction &action, bool thorough);

/// Carries out actions in their order, those that publish to another file system many at a time:
/// one sync of a folder serves all that go there.
class ActionQueue
{
  public:
	/// The action must live until flush(). Not thorough.
	void carry_out(const FileAction &action);
	/// Does what is left.
	void flush();

  private:
	std::vector<const FileAction *> group_;
	std::unordered_set<std::string> places_; ///< where they go
};

/// The name under which a raw file stands while it is copied to another file system or removed.
std::string held_name(const FileAction &action);

/// Registers the transaction callbacks; called once when the library is loaded.
void register_action_callbacks();

/// Records the actions in etl.file_action and in memory. What they publish or replace a file with
/// must have been written by this transaction: its rollback removes it.
void plan_actions(const std::string &dataset, std::vector<FileAction> actions);

/// A file that is removed when the current (sub)transaction rolls back.
void remove_on_rollback(const std::string &path);

/// Numbers of the rows of etl.file_action that the current transaction has planned.
std::vector<int64_t> planned_action_ids();
/// Files that it has planned to give another name, or will remove when it rolls back.
std::set<std::string> pending_parts();
/// What recover() could not do yet, of any dataset; forgotten when the transaction ends.
void set_unfinished(std::vector<FileAction> actions);

/// The folder for files that are not finished: below the processed folder, so that giving them
/// their final name is a rename; one for each database and dataset. Created when missing.
std::string part_folder(const pg::Settings &settings, const std::string &dataset);

/// A name in that folder that no other file of this backend has had.
std::string part_name(const std::string &folder, int64_t file_id, const char *kind);

/// Where the contents of a file are that an action which is not carried out yet will put at path:
/// under their present name; path itself when there is no such action.
std::string pending_source(const std::string &path);
/// The same for many paths: final path to present name, of all actions of this transaction.
std::unordered_map<std::string, std::string> pending_sources();
/// Files that actions of this transaction will move or remove.
std::unordered_set<std::string> pending_files();

/// Whether such an action will put a file there.
bool destination_taken(const std::string &path);

/// Whether an action that could not be carried out yet is to archive a raw file there.
bool waits_for_archive(const std::string &path);

/// Whether such an action will take that raw file away: its records are loaded.
bool is_taken_up(const std::string &path, const FileIdentity &identity);

/// Finishes what a crash left: carries out the committed actions of a dataset that are not done and
/// forgets those that are; removes files of transactions that never committed. What can't be done
/// yet is told in etl.file. Needs the dataset's lock.
void recover(const std::string &dataset, const pg::Settings &settings);

} // namespace etl
