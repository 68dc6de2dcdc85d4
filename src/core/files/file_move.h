// Moving files so that a crash at any moment leaves the old name or the new one, never neither.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_identity.h"

namespace etl
{

/// The identity of a file (a link's own). False with errno: there is none, or it cannot be told.
bool identify(const std::string &path, FileIdentity &identity);

/// Whether there is a file at a path.
enum class Presence
{
	there,
	gone,
	unknown, ///< it cannot be told, as below a directory that may not be searched; errno says why
};
Presence look_for(const std::string &path, FileIdentity &identity);
Presence look_for(const std::string &path);

/// Creates the folders above a path. created tells whether one was missing. False with errno.
bool make_parents(const std::string &path, bool *created = nullptr);

/// Removes the folders that have become empty above a path, below but without root.
void remove_empty_parents(const std::string &path, const std::string &root);

/// Makes the names in a folder durable. False with errno.
bool sync_folder(const std::string &folder);
/// The same for every folder above a path that can be opened.
bool sync_parents(const std::string &path);

/// rename() that never replaces: false with errno EEXIST then.
bool rename_new(const std::string &from, const std::string &to);

/// Makes the names durable of what has been renamed to those paths: as sync_parents(), but each
/// folder once.
bool sync_parents_of_all(const std::vector<std::string> &paths);

/// Whether a rename from one path to the other would have to be a copy: false as well when that
/// can't be told.
bool on_other_file_system(const std::string &from, const std::string &to);

/// Copies a regular file to the new file `to` and syncs it. With expected, the source must be, and
/// stay, that file (else errno is ESTALE). False with errno, and then nothing is left behind.
bool copy_file(const std::string &from, const std::string &to, const FileIdentity *expected);
/// The same, but returns the copy's descriptor, not synced yet; -1 with errno.
int copy_unsynced(const std::string &from, const std::string &to, const FileIdentity *expected);

} // namespace etl
