#include "pg/unlinked_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "pg/guard.h"

namespace etl
{

namespace
{

[[noreturn]] void
fail(const char *what, int error)
{
	throw pg::Error(sqlstate_of_errno(error),
					std::string("could not ") + what + " a scratch file: " + std::strerror(error));
}

} // namespace

ScratchFile::ScratchFile(const std::string &path)
	: fd_(beneath::open(path, O_RDWR | O_CREAT | O_EXCL, 0600))
{
	if (!fd_ || beneath::unlink(path) != 0)
		fail("create", errno);
}

void
ScratchFile::append(const void *bytes, size_t size)
{
	if (!write_fully_at(fd_.get(), {static_cast<const char *>(bytes), size}, size_))
		fail("write", errno);
	size_ += size;
}

void
ScratchFile::read(uint64_t at, void *to, size_t size)
{
	char *into = static_cast<char *>(to);
	while (size > 0)
	{
		const ssize_t got = pread(fd_.get(), into, size, static_cast<off_t>(at));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			fail("read", got == 0 ? EIO : errno);
		into += got;
		at += static_cast<uint64_t>(got);
		size -= static_cast<size_t>(got);
	}
}

} // namespace etl
