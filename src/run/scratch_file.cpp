#include "run/scratch_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/beneath.h"
#include "core/file_error.h"
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
	const char *from = static_cast<const char *>(bytes);
	for (size_t written = 0; written < size;)
	{
		const ssize_t put =
			pwrite(fd_.get(), from + written, size - written, static_cast<off_t>(size_ + written));
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			fail("write", put == 0 ? ENOSPC : errno);
		written += static_cast<size_t>(put);
	}
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
