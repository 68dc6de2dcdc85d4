#include "core/files/file_move.h"

#include <cerrno>
#include <cstdio>
#include <set>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"

namespace etl
{

namespace
{

FileIdentity
identity_of(const struct stat &info)
{
	return {static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
			static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec};
}

/// Copies the rest of the file. Returns false with errno on error.
bool
copy_bytes(int in, int out)
{
	std::vector<char> buffer(1 << 20);
	for (;;)
	{
		const ssize_t got = read(in, buffer.data(), buffer.size());
		if (got == 0)
			return true;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (!write_fully(out, {buffer.data(), static_cast<size_t>(got)}))
			return false;
	}
}

bool
is_still(int fd, const FileIdentity *expected)
{
	struct stat info;
	if (expected == nullptr)
		return true;
	if (fstat(fd, &info) != 0)
		return false;
	if (identity_of(info) == *expected)
		return true;
	errno = ESTALE;
	return false;
}

} // namespace

bool
identify(const std::string &path, FileIdentity &identity)
{
	struct stat info;
	if (beneath::lstat(path, &info) != 0)
		return false;
	identity = identity_of(info);
	return true;
}

Presence
look_for(const std::string &path, FileIdentity &identity)
{
	if (identify(path, identity))
		return Presence::there;
	return means_gone(errno) ? Presence::gone : Presence::unknown;
}

Presence
look_for(const std::string &path)
{
	FileIdentity identity;
	return look_for(path, identity);
}

bool
make_parents(const std::string &path, bool *created)
{
	return beneath::make_parents(path, created);
}

void
remove_empty_parents(const std::string &path, const std::string &root)
{
	beneath::remove_empty_parents(path, root);
}

bool
sync_folder(const std::string &folder)
{
	const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	// EINVAL means that the file system cannot sync directories, and nothing can be done
	const bool good = fsync(fd) == 0 || errno == EINVAL;
	const int error = errno;
	close(fd);
	errno = error;
	return good;
}

bool
sync_parents(const std::string &path)
{
	for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
		 slash = path.rfind('/', slash - 1))
		if (!sync_folder(path.substr(0, slash)))
			return errno == EACCES; // directories above pg_etl's own need no sync
	return true;
}

bool
rename_new(const std::string &from, const std::string &to)
{
	return beneath::rename_new(from, to) == 0;
}

bool
sync_parents_of_all(const std::vector<std::string> &paths)
{
	std::set<std::string> folders;
	for (const std::string &path : paths)
		for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
			 slash = path.rfind('/', slash - 1))
			if (!folders.insert(path.substr(0, slash)).second)
				break; // the directories above it are in the set, too
	for (const std::string &folder : folders)
		if (!sync_folder(folder) && errno != EACCES)
			return false;
	return true;
}

bool
on_other_file_system(const std::string &from, const std::string &to)
{
	struct stat source, folder;
	return beneath::lstat(from, &source) == 0 &&
		   beneath::lstat(to.substr(0, to.rfind('/')), &folder) == 0 &&
		   source.st_dev != folder.st_dev;
}

int
copy_unsynced(const std::string &from, const std::string &to, const FileIdentity *expected)
{
	const int in = beneath::open(from, O_RDONLY | O_NONBLOCK);
	if (in < 0)
		return -1;
	const int out = beneath::open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (out < 0)
	{
		const int error = errno;
		close(in);
		errno = error;
		return -1;
	}
	const bool good = is_still(in, expected) && copy_bytes(in, out) && is_still(in, expected);
	const int error = errno;
	close(in);
	if (good)
		return out;
	close(out);
	beneath::unlink(to);
	errno = error;
	return -1;
}

bool
copy_file(const std::string &from, const std::string &to, const FileIdentity *expected)
{
	const int out = copy_unsynced(from, to, expected);
	if (out < 0)
		return false;
	const bool good = fsync(out) == 0;
	int error = errno;
	if (close(out) != 0 && good)
		error = errno;
	else if (good)
		return true;
	beneath::unlink(to);
	errno = error;
	return false;
}

} // namespace etl
