#include "pg/key_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/key_ring.h"
#include "core/scoped_fd.h"
#include "pg/guard.h"
#include "pg/settings.h"

namespace pg
{

namespace
{

[[noreturn]] void
fail(const std::string &what, const std::string &path)
{
	const int error = errno;
	throw Error(error == EACCES || error == EPERM || error == EROFS ? "42501" : "58030",
				"could not " + what + " \"" + path + "\": " + pg_strerror(error), "",
				"The server's user must be able to write the folder of etl.key_file.");
}

void
write_synced(int fd, const std::string &bytes, const std::string &path)
{
	if (pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()) ||
		fsync(fd) != 0)
		fail("write", path);
}

void
sync_folder(const std::string &path)
{
	const std::string folder = path.substr(0, path.rfind('/') + 1);
	const etl::ScopedFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd.get() < 0 || fsync(fd.get()) != 0)
		fail("sync folder", folder);
}

std::string
random_key(size_t size)
{
	std::string bytes(size, '\0');
	if (!pg_strong_random(bytes.data(), size))
		throw Error("XX000", "could not get random bytes for etl.key_file");
	return bytes;
}

/// As far as a file can be: the bytes on this file system's blocks, where it writes in place.
void
overwrite(int fd, const std::string &path)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		fail("read", path);
	write_synced(fd, random_key(static_cast<size_t>(info.st_size)), path);
}

/// The files that earlier rotations kept: path.old-N.
std::vector<std::string>
kept_files(const std::string &path)
{
	const size_t slash = path.rfind('/');
	const std::string folder = path.substr(0, slash + 1), prefix = path.substr(slash + 1) + ".old-";
	std::vector<std::string> files;
	DIR *const dir = opendir(folder.c_str());
	if (dir == nullptr)
		fail("read folder", folder);
	while (const dirent *entry = ::readdir(dir))
	{
		const std::string name = entry->d_name;
		if (name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
			name.find_first_not_of("0123456789", prefix.size()) == std::string::npos)
			files.push_back(folder + name);
	}
	closedir(dir);
	return files;
}

/// Removes the file under its temporary name on every way out.
struct Remove
{
	const std::string &path;
	~Remove() { unlink(path.c_str()); }
};

} // namespace

KeyRotation
rotate_key_file(bool destroy)
{
	secret(); // every check, and the first key where there is none
	char resolved[PATH_MAX];
	const std::string setting = Settings::current().key_file;
	if (realpath(setting.c_str(), resolved) == nullptr)
		fail("find", setting);
	KeyRotation result;
	result.path = resolved; // a link stays a link

	const etl::ScopedFd old(open(resolved, O_RDWR | O_CLOEXEC));
	if (old.get() < 0)
		fail("open", result.path);
	struct stat opened, named;
	// the lock is on the file: who waited for it would hold one that has been replaced
	if (flock(old.get(), LOCK_EX | LOCK_NB) != 0 || fstat(old.get(), &opened) != 0 ||
		stat(resolved, &named) != 0 || opened.st_ino != named.st_ino)
		throw Error("55006",
					"etl.key_file \"" + result.path + "\" is being rotated by another session", "",
					"Try again.");
	std::string before(static_cast<size_t>(opened.st_size), '\0');
	if (pread(old.get(), before.data(), before.size(), 0) != static_cast<ssize_t>(before.size()))
		fail("read", result.path);
	std::string fresh = random_key(32);
	std::string after = etl::rotated_secret(before, fresh);
	OPENSSL_cleanse(fresh.data(), fresh.size());
	OPENSSL_cleanse(before.data(), before.size());

	const std::string part = result.path + "." + std::to_string(getpid());
	unlink(part.c_str()); // of a crash: no other process has this id
	{
		const etl::ScopedFd out(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
		if (out.get() < 0)
			fail("create", part);
		const Remove on_failure{part};
		write_synced(out.get(), after, part);
		OPENSSL_cleanse(after.data(), after.size());
		if (!destroy)
			for (int n = 1;; ++n)
			{
				result.kept_as = result.path + ".old-" + std::to_string(n);
				if (link(resolved, result.kept_as.c_str()) == 0)
					break;
				if (errno != EEXIST)
					fail("keep the old key as", result.kept_as);
			}
		if (rename(part.c_str(), resolved) != 0)
			fail("replace", result.path);
	}
	sync_folder(result.path);
	if (destroy)
	{
		overwrite(old.get(), result.path);
		++result.destroyed;
		for (const std::string &file : kept_files(result.path))
		{
			const etl::ScopedFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
			if (fd.get() < 0)
				fail("open", file);
			overwrite(fd.get(), file);
			if (unlink(file.c_str()) != 0)
				fail("remove", file);
			++result.destroyed;
		}
		sync_folder(result.path);
	}
	return result;
}

} // namespace pg
