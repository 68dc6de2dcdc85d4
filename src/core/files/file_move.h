// Moves files so that after a crash at any moment the file has its old or its new name.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_identity.h"

namespace etl
{

/// Reads the identity of a file, or of a link itself. Returns false with errno if there is no file
/// or this cannot be determined.
bool identify(const std::string &path, FileIdentity &identity);

/// Whether there is a file at a path.
enum class Presence
{
	there,
	gone,
	unknown, ///< cannot be determined, as below a directory that must not be searched; errno has
			 ///< the reason
};
Presence look_for(const std::string &path, FileIdentity &identity);
Presence look_for(const std::string &path);

/// Creates the directories above a path. `created` becomes true if any was missing. Returns false
/// with errno on error.
bool make_parents(const std::string &path, bool *created = nullptr);

/// Removes the empty directories above a path that are below `root`, but not `root` itself.
void remove_empty_parents(const std::string &path, const std::string &root);

/// Makes the names in a directory durable. Returns false with errno on error.
bool sync_folder(const std::string &folder);
/// Makes the names durable in every directory above a path that may be opened.
bool sync_parents(const std::string &path);

/// Like rename(), but returns false with errno EEXIST if the name `to` exists.
bool rename_new(const std::string &from, const std::string &to);

/// Makes the new names of renamed files durable, like sync_parents() for each path, but syncs each
/// directory once.
bool sync_parents_of_all(const std::vector<std::string> &paths);

/// Whether moving a file between the two paths needs a copy, because they are on different file
/// systems. Also false if this cannot be determined.
bool on_other_file_system(const std::string &from, const std::string &to);

/// Copies a regular file to the new file `to` and syncs the copy. If `expected` is given, the
/// source must be this file before and after copying, else errno is ESTALE. On error returns false
/// with errno and leaves no copy.
bool copy_file(const std::string &from, const std::string &to, const FileIdentity *expected);
/// Like copy_file(), but does not sync and returns the descriptor of the copy, or -1 with errno.
int copy_unsynced(const std::string &from, const std::string &to, const FileIdentity *expected);

} // namespace etl
