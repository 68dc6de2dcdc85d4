// What there is to know of the bytes of a file that is to be moved: whether they are those that
// were read, and whether somebody is still writing them.
#pragma once

#include <string>

#include "core/base/hash.h"
#include "core/files/file_action.h"
#include "core/files/file_identity.h"
#include "core/files/open_for_writing.h"

namespace etl
{

/// Answer to a question about a file's bytes; unknown: it changes, or cannot be read.
enum class Answer
{
	yes,
	no,
	unknown
};

/// Whether SHA-256 of a file's bytes is as it should be.
Answer holds(const std::string &path, const Sha256 &sha256);
/// Whether two files are known to have the same bytes.
bool holds_same(const std::string &a, const std::string &b);

/// Whether somebody has appended to the file since it was read. now: what is at the path.
Answer has_grown(const std::string &path, const FileIdentity &now, const FileAction &action);

Writers writers_of_path(const std::string &path);
/// Whether somebody has the file open for writing. Of a file under its hidden name, which nobody
/// opens any more, that is a last word.
bool is_being_written(const std::string &path);

} // namespace etl
