#include "core/files/beneath.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/scoped_fd.h"

namespace etl::beneath
{

namespace
{

bool
has_parent_step(std::string_view path)
{
	for (size_t at = 0; (at = path.find("..", at)) != std::string_view::npos; at += 2)
		if ((at == 0 || path[at - 1] == '/') && (at + 2 == path.size() || path[at + 2] == '/'))
			return true;
	return false;
}

/// Directories that this thread keeps open, by path. The last one that was used is in front.
class KeptFolders
{
  public:
	void begin() { ++keepers_; }
	void end()
	{
		if (--keepers_ == 0)
			folders_.clear();
	}
	/// Returns the descriptor of the directory, or -1 if it is not kept.
	int find(std::string_view path)
	{
		const auto at = std::find_if(folders_.begin(), folders_.end(),
									 [&](const auto &folder) { return folder.first == path; });
		if (at == folders_.end())
			return -1;
		std::rotate(folders_.begin(), at, at + 1);
		return folders_.front().second.get();
	}
	/// Takes over the directory if the descriptor is valid and a KeepOpen object exists.
	void keep(std::string_view path, ScopedFd &folder)
	{
		if (keepers_ == 0 || !folder)
			return;
		if (folders_.size() == max_folders)
			folders_.pop_back();
		folders_.emplace(folders_.begin(), path, std::move(folder));
	}

  private:
	/// No more directories than this are in use at the same time: raw, processed, archive and
	/// journal, or those of one action.
	static constexpr size_t max_folders = 4;

	int keepers_ = 0; ///< number of KeepOpen objects
	std::vector<std::pair<std::string, ScopedFd>> folders_;
};

KeptFolders &
kept(Folders which)
{
	thread_local KeptFolders roots, parents;
	return which == Folders::roots ? roots : parents;
}

/// The directory in which the last step of a path is done, and the name of this step.
struct Place
{
	ScopedFd own; ///< empty if the directory is one of those that are kept open
	int folder = -1;
	std::string name;

	void set(ScopedFd fd)
	{
		own = std::move(fd);
		folder = own.get();
	}
	explicit operator bool() const { return folder >= 0; }
};

/// True once the system has said that it does not have openat2().
std::atomic<bool> no_openat2 = false;

constexpr int folder_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

/// Opens a directory below another one with a single openat2(2) (Linux 5.6). Returns -1 with errno
/// ENOSYS if the system does not have it, or if a container's filter of system calls does not allow
/// it.
int
open_below(int folder, const std::string &path)
{
	if (no_openat2)
	{
		errno = ENOSYS;
		return -1;
	}
	struct open_how how = {};
	how.flags = folder_flags;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	int fd;
	do
		fd = static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
	while (fd < 0 && errno == EINTR);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == E2BIG))
	{
		no_openat2 = true;
		errno = ENOSYS;
	}
	return fd;
}

/// Opens the directory of a path whose last step begins after `last`. No link is followed after
/// `root` bytes of the path. With `make`, missing directories are created, and `created` becomes
/// true if any was missing.
void
open_parent(Place &place, const std::string &path, size_t root, size_t last, bool make,
			bool *created)
{
	// without a root, an absolute path begins at "/", and a relative one in the current directory
	const std::string start = root > 0 ? path.substr(0, root) : path[0] == '/' ? "/" : ".";
	place.folder = kept(Folders::roots).find(start);
	if (!place)
		place.set(ScopedFd(::open(start.c_str(), folder_flags)));
	if (!place || last == std::string::npos || root >= last)
		return;
	if (root > 0)
		kept(Folders::roots).keep(start, place.own);
	const size_t first = path.find_first_not_of('/', root);
	if (first >= last)
		return;
	ScopedFd folder(open_below(place.folder, path.substr(first, last - first)));
	// EAGAIN means that something was renamed meanwhile, which does not matter when going step by
	// step
	if (folder || (errno != ENOSYS && errno != EAGAIN && !(make && errno == ENOENT)))
		return place.set(std::move(folder));
	for (size_t at = root; place && at < last;)
	{
		const size_t begin = path.find_first_not_of('/', at);
		if (begin == std::string::npos || begin > last)
			return;
		const size_t end = path.find('/', begin);
		const std::string step = path.substr(begin, end - begin);
		if (make)
		{
			if (mkdirat(place.folder, step.c_str(), 0700) == 0)
			{
				if (created != nullptr)
					*created = true;
			}
			else if (errno != EEXIST)
				return place.set(ScopedFd());
		}
		ScopedFd next(openat(place.folder, step.c_str(), folder_flags | O_NOFOLLOW));
		// distinguish a link from other files that are not directories, as openat2() does
		struct stat info;
		if (const int error = errno; !next && error == ENOTDIR)
			errno = fstatat(place.folder, step.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
							S_ISLNK(info.st_mode)
						? ELOOP
						: error;
		place.set(std::move(next));
		at = end;
	}
}

Place
find(const std::string &path, size_t root, bool make = false, bool *created = nullptr)
{
	Place place;
	if (path.empty() || has_parent_step(path))
	{
		errno = path.empty() ? ENOENT : EPERM;
		return place;
	}
	if (root == by_shape)
		root = root_length(path);
	const size_t last = path.rfind('/');
	place.name = last == std::string::npos ? path : path.substr(last + 1);
	if (place.name.empty())
		place.name.assign(1, '.'); // the path ends in "/"
	const bool is_below = root > 0 && last != std::string::npos && root < last;
	const std::string_view parent = std::string_view(path).substr(0, last);
	if (is_below)
		place.folder = kept(Folders::parents).find(parent);
	if (!place)
		open_parent(place, path, root, last, make, created);
	if (is_below)
		kept(Folders::parents).keep(parent, place.own);
	return place;
}

} // namespace

KeepOpen::KeepOpen(Folders which) : which_(which)
{
	kept(which_).begin();
}

KeepOpen::~KeepOpen()
{
	kept(which_).end();
}

void
walk_only(bool only)
{
	no_openat2 = only;
}

size_t
root_length(const std::string &path)
{
	if (const size_t at = path.find("/.pg_etl/"); at != std::string::npos)
		return at;
	const size_t name = path.rfind('/');
	if (name == std::string::npos || name == 0)
		return 0;
	const size_t hour = path.rfind('/', name - 1);
	if (hour == std::string::npos || hour == 0 || path.compare(hour, 6, "/hour=") != 0)
		return name;
	const size_t date = path.rfind('/', hour - 1);
	if (date == std::string::npos || date == 0 || path.compare(date, 6, "/date=") != 0)
		return name;
	return date;
}

int
open(const std::string &path, int flags, mode_t mode, size_t root)
{
	const Place place = find(path, root);
	return place ? openat(place.folder, place.name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode)
				 : -1;
}

int
lstat(const std::string &path, struct stat *info)
{
	const Place place = find(path, by_shape);
	return place ? fstatat(place.folder, place.name.c_str(), info, AT_SYMLINK_NOFOLLOW) : -1;
}

int
unlink(const std::string &path)
{
	const Place place = find(path, by_shape);
	return place ? unlinkat(place.folder, place.name.c_str(), 0) : -1;
}

int
rename(const std::string &from, const std::string &to)
{
	const Place a = find(from, by_shape);
	if (!a)
		return -1;
	const Place b = find(to, by_shape);
	return b ? renameat(a.folder, a.name.c_str(), b.folder, b.name.c_str()) : -1;
}

int
rename_new(const std::string &from, const std::string &to)
{
	const Place a = find(from, by_shape);
	if (!a)
		return -1;
	const Place b = find(to, by_shape);
	if (!b)
		return -1;
	if (renameat2(a.folder, a.name.c_str(), b.folder, b.name.c_str(), RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	// the file system does not have RENAME_NOREPLACE; a file that is created after this check is
	// replaced
	struct stat info;
	if (fstatat(b.folder, b.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
	{
		errno = EEXIST;
		return -1;
	}
	return renameat(a.folder, a.name.c_str(), b.folder, b.name.c_str());
}

bool
make_parents(const std::string &path, bool *created)
{
	size_t root = root_length(path);
	if (root == path.rfind('/'))
		root = 0; // the path has no directory of pg_etl that must exist
	if (root > 0)
		return static_cast<bool>(find(path, root, true, created));
	for (size_t slash = path.find('/', 1); slash != std::string::npos;
		 slash = path.find('/', slash + 1))
	{
		if (mkdir(path.substr(0, slash).c_str(), 0700) == 0)
		{
			if (created != nullptr)
				*created = true;
		}
		else if (errno != EEXIST)
			return false;
	}
	return true;
}

int
may_change(const std::string &path)
{
	const size_t root = root_length(path);
	std::string at = path;
	for (;;)
	{
		const Place place = find(at, root);
		if (!place)
		{
			// the directory is missing and will be created with the name, so check the one above
			const size_t slash = at.rfind('/');
			if (errno != ENOENT || slash == std::string::npos || slash <= root)
				return -1;
			at.resize(slash);
			continue;
		}
		struct stat folder, file;
		if (faccessat(place.folder, ".", W_OK | X_OK, 0) != 0 || fstat(place.folder, &folder) != 0)
			return -1;
		const uid_t me = geteuid();
		if ((folder.st_mode & S_ISVTX) == 0 || me == 0 || folder.st_uid == me ||
			fstatat(place.folder, place.name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0 ||
			file.st_uid == me)
			return 0;
		errno = EPERM;
		return -1;
	}
}

void
remove_empty_parents(const std::string &path, const std::string &root)
{
	const std::string below = root + "/";
	std::string folder = path;
	for (;;)
	{
		const size_t slash = folder.rfind('/');
		if (slash == std::string::npos)
			return;
		folder.resize(slash);
		if (folder.compare(0, below.size(), below) != 0)
			return;
		const Place place = find(folder, root.size());
		if (!place || unlinkat(place.folder, place.name.c_str(), AT_REMOVEDIR) != 0)
			return;
	}
}

} // namespace etl::beneath
