#include "pg/key_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/base/scoped_fd.h"
#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/files/file_error.h"
#include "core/files/inside.h"
#include "core/privacy/key_ring.h"
#include "pg/guard.h"
#include "pg/key_fingerprint.h"
#include "pg/settings.h"

extern "C"
{
#include "storage/fd.h"
}

namespace pg
{

namespace
{

/// Suffixes of a key file's name, before a number: for a new file that is being written, and for an
/// old file that is kept after a rotation.
constexpr const char *unfinished = ".new-", *kept = ".old-";

[[noreturn]] void
fail(const std::string &what, const std::string &path)
{
	const int error = errno;
	throw Error(etl::sqlstate_of_errno(error),
				"could not " + what + " \"" + path + "\": " + pg_strerror(error), "",
				"The server's user must be able to write the directory of etl.key_file.");
}

void
write_synced(int fd, const std::string &bytes, const std::string &path)
{
	if (!etl::write_fully_at(fd, bytes, 0) || fsync(fd) != 0)
		fail("write", path);
}

void
sync_folder(const std::string &path)
{
	const std::string folder = path.substr(0, path.rfind('/') + 1);
	const char *name = folder.c_str();
	call([=] { fsync_fname(name, true); });
}

std::string
random_key(size_t size)
{
	std::string bytes(size, '\0');
	if (!pg_strong_random(bytes.data(), size))
		throw Error(sqlstate::internal_error, "could not get random bytes for etl.key_file");
	return bytes;
}

/// Overwrites a file in place. The old bytes are lost only if the file system writes in place too.
void
overwrite(int fd, const std::string &path)
{
	struct stat info;
	if (fstat(fd, &info) != 0)
		fail("read", path);
	write_synced(fd, random_key(static_cast<size_t>(info.st_size)), path);
}

/// The files in the same directory whose names are that of the file, the suffix and a number.
std::vector<std::string>
numbered_files(const std::string &path, const std::string &suffix)
{
	const size_t slash = path.rfind('/');
	const std::string folder = path.substr(0, slash + 1), prefix = path.substr(slash + 1) + suffix;
	std::vector<std::string> files;
	DIR *const dir = opendir(folder.c_str());
	if (dir == nullptr)
		fail("read directory", folder);
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

/// The files that earlier rotations kept.
std::vector<std::string>
kept_files(const std::string &path)
{
	return numbered_files(path, kept);
}

/// Removes the temporary file in every case when the scope ends.
struct Remove
{
	const std::string &path;
	~Remove() { unlink(path.c_str()); }
};

/// Returns the contents of the key file, or nothing with errno if it cannot be opened.
std::optional<std::string>
read_key(const std::string &path, const std::string &named)
{
	// opening a FIFO would wait for a writer, and a terminal could become the server's controlling
	// one
	const etl::ScopedFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
	if (fd.get() < 0)
		return std::nullopt;
	struct stat info;
	char bytes[4096];
	if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
		throw Error(sqlstate::object_not_in_prerequisite_state, named + " is not a regular file");
	if ((info.st_mode & 077) != 0)
		throw Error(sqlstate::object_not_in_prerequisite_state, named + " can be read by others",
					"It must be a regular file with mode 0600.", "chmod 600 " + path);
	const ssize_t size = read(fd.get(), bytes, sizeof bytes);
	if (size < 16)
		throw Error(sqlstate::object_not_in_prerequisite_state, named + " holds no key",
					"It must hold at least 16 bytes.");
	return std::string(bytes, static_cast<size_t>(size));
}

/// Writes the file under another name first, so that no process reads a partial key. Returns false
/// with errno on error.
bool
create_key(const std::string &path, const std::string &bytes)
{
	const std::string part = path + unfinished + std::to_string(getpid());
	unlink(part.c_str()); // left by a crash, because no other process has this id
	const etl::ScopedFd out(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	if (out.get() < 0)
		return false;
	const Remove always{part};
	if (!etl::write_fully(out.get(), bytes) || fsync(out.get()) != 0)
		return false;
	// link() and not rename(), because a second process must not replace the key of the first
	if (link(part.c_str(), path.c_str()) == 0)
		sync_folder(path);
	return true;
}

} // namespace

std::string
key_file(const std::string &path, const char *setting, const char *suffix, std::string (*make)())
{
	const std::string named = std::string(setting) + " \"" + path + "\"";
	const std::string data = std::string(DataDir) + "/";
	if (path.compare(0, data.size(), data) == 0 || etl::is_inside(path, DataDir))
		throw Error(sqlstate::object_not_in_prerequisite_state,
					named + " is inside the data directory",
					"Every base backup would carry the key with what it protects.",
					hint_to_set(setting, std::string(DataDir) + suffix));
	for (int attempt = 0; attempt < 2; ++attempt)
	{
		if (const std::optional<std::string> bytes = read_key(path, named))
			return *bytes;
		if (errno != ENOENT)
			break;
		if (make == nullptr)
			throw Error(sqlstate::object_not_in_prerequisite_state, named + " does not exist",
						"This database has been used with a key, and what was made with it cannot "
						"be recognised with another one.",
						std::string("Put the key file back from its backup, or set ") + setting +
							" to where it is.");
		if (!create_key(path, make()))
			break;
	}
	const int error = errno;
	throw Error(etl::sqlstate_of_errno(error),
				"cannot read or create " + named + ": " + pg_strerror(error), "",
				std::string("Set ") + setting +
					" to a path, outside the data directory, that the server's user may write.");
}

std::string
secret(KeyUse use)
{
	const std::string path = Settings::current().key_file;
	const std::vector<etl::KeyFingerprint> known = known_keys();
	std::string bytes = key_file(path, "etl.key_file", ".etl.key",
								 known.empty() ? +[] { return random_key(32); } : nullptr);
	require_known_key(bytes, known, path);
	if (use == KeyUse::keep)
		note_key(bytes, known);
	return bytes;
}

std::vector<std::string>
unfinished_key_files(const std::string &path)
{
	return numbered_files(path, unfinished);
}

namespace
{

/// Destroys keys that were never used. Their files are from a session that was killed, because
/// another rotation of this file waits for the lock. A session that creates a first key now does
/// not need its file, because the key file exists.
void
remove_unfinished(const std::string &path)
{
	for (const std::string &file : unfinished_key_files(path))
	{
		const etl::ScopedFd fd(open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
		if (fd.get() >= 0)
			overwrite(fd.get(), file);
		if (unlink(file.c_str()) != 0 && errno != ENOENT)
			fail("remove", file);
	}
}

/// Keeps the key file under a name that is free, and returns this name.
std::string
keep_key(const std::string &path)
{
	for (int n = 1;; ++n)
	{
		const std::string name = path + kept + std::to_string(n);
		if (link(path.c_str(), name.c_str()) == 0)
			return name;
		if (errno != EEXIST)
			fail("keep the old key as", name);
	}
}

/// Destroys the keys that were kept, and returns their number.
int
destroy_kept(const std::string &path)
{
	int destroyed = 0;
	for (const std::string &file : kept_files(path))
	{
		const etl::ScopedFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
		if (fd.get() < 0)
			fail("open", file);
		overwrite(fd.get(), file);
		if (unlink(file.c_str()) != 0)
			fail("remove", file);
		++destroyed;
	}
	return destroyed;
}

} // namespace

KeyRotation
rotate_key_file(bool destroy)
{
	secret(KeyUse::look); // makes all checks, and creates the first key if there is none
	char resolved[PATH_MAX];
	const std::string setting = Settings::current().key_file;
	if (realpath(setting.c_str(), resolved) == nullptr)
		fail("find", setting);
	KeyRotation result;
	result.path = resolved; // if the setting is a symbolic link, the link stays

	const etl::ScopedFd old(open(resolved, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	if (old.get() < 0)
		fail("open", result.path);
	struct stat opened, named;
	// the lock belongs to the file, so a session that waited for it would have locked a replaced
	// file
	if (flock(old.get(), LOCK_EX | LOCK_NB) != 0 || fstat(old.get(), &opened) != 0 ||
		stat(resolved, &named) != 0 || opened.st_ino != named.st_ino)
		throw Error(sqlstate::object_in_use,
					"etl.key_file \"" + result.path + "\" is being rotated by another session", "",
					"Try again.");
	remove_unfinished(result.path);
	std::string before(static_cast<size_t>(opened.st_size), '\0');
	if (pread(old.get(), before.data(), before.size(), 0) != static_cast<ssize_t>(before.size()))
		fail("read", result.path);
	std::string fresh = random_key(32);
	std::string after = etl::rotated_secret(before, fresh);
	OPENSSL_cleanse(fresh.data(), fresh.size());
	OPENSSL_cleanse(before.data(), before.size());

	const std::string part = result.path + unfinished + std::to_string(getpid());
	{
		const etl::ScopedFd out(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
		if (out.get() < 0)
			fail("create", part);
		const Remove on_failure{part};
		write_synced(out.get(), after, part);
		OPENSSL_cleanse(after.data(), after.size());
		if (!destroy)
			result.kept_as = keep_key(result.path);
		const char *from = part.c_str(), *to = resolved;
		call([=] { durable_rename(from, to, ERROR); });
	}
	if (destroy)
	{
		overwrite(old.get(), result.path);
		result.destroyed = 1 + destroy_kept(result.path);
		sync_folder(result.path);
	}
	return result;
}

} // namespace pg
