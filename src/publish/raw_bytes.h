// Examines the bytes of a file that is to be moved: whether they are those that were read, and
// whether a process is still writing them.
#pragma once

#include <string>

#include "core/base/hash.h"
#include "core/files/file_action.h"
#include "core/files/file_identity.h"
#include "core/files/open_for_writing.h"

namespace etl
{

/// The answer to a question about a file. `unknown`: the file changes, or cannot be read.
enum class Answer
{
	yes,
	no,
	unknown
};

/// Whether the file has this SHA-256.
Answer holds(const std::string &path, const Sha256 &sha256);
/// Whether two files are known to have the same contents.
bool holds_same(const std::string &a, const std::string &b);

/// Whether the file has become longer since it was read, with the same beginning. `now` is the
/// identity of the file at the path.
Answer has_grown(const std::string &path, const FileIdentity &now, const FileAction &action);

Writers writers_of_path(const std::string &path);
/// Whether a process has the file open for writing. For a set-aside file, which no process opens
/// any more, the answer is final.
bool is_being_written(const std::string &path);

} // namespace etl
