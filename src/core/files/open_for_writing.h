// Is somebody writing a file?
//
// The kernel grants a read lease (fcntl F_SETLEASE, F_RDLCK) on a file only while nobody has it
// open for writing, in whatever process: asking for one, and giving it back at once, tells. It
// needs the file's owner, or CAP_LEASE, and a local file system; where it cannot be had for another
// reason than a writer, nothing is known.
#pragma once

#include <cstdint>

namespace etl
{

enum class Writers
{
	none,
	some,
	unknown ///< the file is another user's, or lies on a file system that other machines write to
};

/// Asks about the file behind a descriptor that was opened read-only (O_RDONLY). A writer that
/// opens the file in the microsecond in between waits for that long (or is told EWOULDBLOCK, where
/// it opened with O_NONBLOCK). No signal that ends or stops a process can come of it.
Writers writers_of(int fd);

/// Whether the clock is less than that far from the time of a file's last write, before it or after
/// it.
bool is_young(int64_t modified_ns, int64_t seconds);

} // namespace etl
