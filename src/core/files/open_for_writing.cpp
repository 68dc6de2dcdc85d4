#include "core/files/open_for_writing.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iterator>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace etl
{

namespace
{

/// Constants that <linux/magic.h> does not have.
constexpr unsigned lustre_magic = 0x0BD00BD0, gfs2_magic = 0x01161970, gpfs_magic = 0x47504653;

/// Whether other machines may write to the file system, or its leases have another meaning: NFS and
/// CIFS refuse a lease with EAGAIN if the server has not granted a delegation.
bool
is_shared(int fd)
{
	constexpr unsigned shared[] = {
		NFS_SUPER_MAGIC,   SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, AFS_SUPER_MAGIC,
		AFS_FS_MAGIC,      CODA_SUPER_MAGIC, V9FS_MAGIC,       FUSE_SUPER_MAGIC, CEPH_SUPER_MAGIC,
		OCFS2_SUPER_MAGIC, lustre_magic,     gfs2_magic,       gpfs_magic};
	struct statfs info;
	return fstatfs(fd, &info) != 0 ||
		   std::find(std::begin(shared), std::end(shared), static_cast<unsigned>(info.f_type)) !=
			   std::end(shared);
}

} // namespace

bool
is_young(int64_t modified_ns, int64_t seconds)
{
	constexpr int64_t second = 1000000000;
	timespec now;
	if (seconds <= 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
		return false;
	const int64_t now_ns = static_cast<int64_t>(now.tv_sec) * second + now.tv_nsec;
	return std::llabs(now_ns - modified_ns) < seconds * second;
}

Writers
writers_of(int fd)
{
	// A broken lease sends SIGIO, which ends a process. SIGWINCH is sent instead, because it is
	// ignored by default.
	if (fcntl(fd, F_SETSIG, SIGWINCH) != 0)
		return Writers::unknown;
	const bool granted = fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
	const int error = errno;
	if (granted)
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	else if (error != EAGAIN)
		return Writers::unknown;
	if (is_shared(fd))
		return Writers::unknown;
	return granted ? Writers::none : Writers::some;
}

} // namespace etl
