// Moving files so that a crash at any moment leaves the old name or the new one, never neither.
#pragma once

#include <string>

#include "core/staged_file.h"

namespace etl
{

/// The identity of a file (a link's own), false when there is none.
bool identify(const std::string &path, FileIdentity &identity);
bool file_exists(const std::string &path);

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

/// Copies a regular file to the new file `to` and syncs it. With expected, the source must be, and
/// stay, that file (else errno is ESTALE). False with errno, and then nothing is left behind.
bool copy_file(const std::string &from, const std::string &to, const FileIdentity *expected);

} // namespace etl
