#include "publish/raw_bytes.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>

#include "core/base/scoped_fd.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/whole_file.h"

namespace etl
{

namespace
{

/// A link or a FIFO, for example, is not a file that was read.
Answer
answer_of(const FileError &error)
{
	return error.sqlstate() == sqlstate_of_errno(EISDIR) ? Answer::no : Answer::unknown;
}

} // namespace

Answer
holds(const std::string &path, const Sha256 &sha256)
try
{
	return read_stored(path).sha256 == sha256 ? Answer::yes : Answer::no;
}
catch (const FileError &e)
{
	return answer_of(e);
}

bool
holds_same(const std::string &a, const std::string &b)
try
{
	return read_stored(a).sha256 == read_stored(b).sha256;
}
catch (const FileError &)
{
	return false;
}

Answer
has_grown(const std::string &path, const FileIdentity &now, const FileAction &action)
try
{
	if (action.kind == FileAction::Kind::replace || action.identity.inode == 0 ||
		now.inode != action.identity.inode || now.size <= action.identity.size)
		return Answer::no;
	if (action.identity.size == 0)
		return Answer::yes;
	FileReader reader(path, Content::stored, UINT64_MAX);
	reader.expect_prefix(action.identity.size);
	for_each_chunk(reader, [&](std::string_view) { return !reader.prefix_sha256(); });
	return reader.prefix_sha256() == action.sha256 ? Answer::yes : Answer::no;
}
catch (const FileError &e)
{
	return answer_of(e);
}

Writers
writers_of_path(const std::string &path)
{
	const ScopedFd fd(beneath::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
	return fd ? writers_of(fd.get()) : Writers::unknown;
}

bool
is_being_written(const std::string &path)
{
	return writers_of_path(path) == Writers::some;
}

} // namespace etl
