// Finds out whether a process has a file open for writing.
//
// The kernel grants a read lease (fcntl F_SETLEASE, F_RDLCK) on a file only while no process has it
// open for writing. So a lease is requested and returned at once. This requires the file's owner or
// CAP_LEASE, and a local file system. If the lease is refused for another reason than a writer, the
// result is unknown.
#pragma once

#include <cstdint>

namespace etl
{

enum class Writers
{
	none,
	some,
	unknown ///< the file is another user's, or on a file system that other machines may write to
};

/// Checks the file behind a descriptor that was opened read-only (O_RDONLY). A process that opens
/// the file for writing while the lease exists waits for some microseconds (or gets EWOULDBLOCK if
/// it opens with O_NONBLOCK). No signal is sent that ends or stops a process.
Writers writers_of(int fd);

/// Whether the last write to a file is less than `seconds` away from the current time. The time of
/// the last write may be in the past or in the future.
bool is_young(int64_t modified_ns, int64_t seconds);

} // namespace etl
