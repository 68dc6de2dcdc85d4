// What happens to files once the transaction has committed, and what is cleaned up when it has not.
//
// The plan is made inside the transaction: a row of etl.file_action for each step, and the same
// step in memory. When the transaction commits, the steps are carried out; when a crash gets in
// between, the rows are there and the next run carries them out. A rollback, of the transaction or
// of a savepoint around it, removes the files written for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
		remove   ///< unlink a raw file
	};
	Kind kind = Kind::publish;
	int64_t file_id = 0;
	std::string from, to;  ///< absolute
	Sha256 sha256{};       ///< archive, remove: what the raw file must hold
	FileIdentity identity; ///< what it was when it was read; empty after a crash
	std::string raw_root;  ///< archive, remove: up to which folder empty ones are removed
};

/// Registers the transaction callbacks; called once when the library is loaded.
void register_action_callbacks();

/// Records the actions in etl.file_action and in memory.
void plan_actions(const std::string &dataset, std::vector<FileAction> actions);

/// A file that is removed when the current (sub)transaction rolls back.
void remove_on_rollback(const std::string &path);

/// Finishes what a crash left: carries out the committed actions of a dataset that are not done and
/// forgets those that are; removes files of transactions that never committed.
void recover(const std::string &dataset, const pg::Settings &settings);

/// The folder for files that are not finished: below the processed folder, so that giving them
/// their final name is a rename; one for each database and dataset. Created when missing.
std::string part_folder(const pg::Settings &settings, const std::string &dataset);

/// A name in that folder that no other file of this backend has had.
std::string part_name(const std::string &folder, int64_t file_id, const char *kind);

/// Where the contents of a file are that an action of this transaction will put at path: under
/// their present name; path itself when no action does.
std::string pending_source(const std::string &path);

/// Creates the folders above a path.
bool make_parents(const std::string &path);

/// Brings the names in a folder to disk: the files' own syncs need not.
void sync_folder(const std::string &folder);

/// The identity of a file, false when there is none.
bool identify(const std::string &path, FileIdentity &identity);

} // namespace etl
