#include "core/base/write_fully.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <sys/types.h>
#include <unistd.h>

namespace etl
{

namespace
{

/// Linux writes at most 2 GB in one call.
constexpr size_t most_at_once = size_t{1} << 30;

/// Calls `write` with the rest of the bytes and the number of bytes written so far, until all are
/// written.
template <typename Write>
bool
write_rest(std::string_view bytes, Write &&write)
{
	for (size_t written = 0; written < bytes.size();)
	{
		const ssize_t put = write(bytes.substr(written, most_at_once), written);
		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = ENOSPC;
		if (put <= 0)
			return false;
		written += static_cast<size_t>(put);
	}
	return true;
}

} // namespace

bool
write_fully(int fd, std::string_view bytes)
{
	return write_rest(bytes, [fd](std::string_view rest, size_t)
					  { return ::write(fd, rest.data(), rest.size()); });
}

bool
write_fully_at(int fd, std::string_view bytes, uint64_t position)
{
	return write_rest(
		bytes, [fd, position](std::string_view rest, size_t written)
		{ return ::pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(position + written)); });
}

} // namespace etl
