// File operations that can't be led out of pg_etl's folders.
//
// Whoever delivers files may write into the raw folder, and so may put a symbolic link there where
// a partition folder should be, at any moment. These functions follow links in the configured
// folder's own path (an administrator put them there) and none below it: every folder on the way is
// opened without following, and the last step is taken from the folder that was opened.
//
// The configured folder is told by the shape of what lies in it, so that nothing else needs to be
// handed around: "<folder>/date=…/hour=…/<name>" or "<folder>/.pg_etl/<database>/<dataset>/<name>".
// In a path of another shape links are followed up to the file's own folder, unless `root` says how
// many bytes of the path may be. A path with a ".." step is refused (EPERM).
//
// All set errno as the system calls do. A link in the way gives ELOOP.
#pragma once

#include <cstddef>
#include <string>

#include <sys/stat.h>

namespace etl::beneath
{

constexpr size_t by_shape = static_cast<size_t>(-1);

/// Folders that a thread may keep open: the configured ones, or those right above the files.
enum class Folders
{
	roots,
	parents
};

/// While it lives, its thread opens each of those folders once rather than for each path (roots and
/// parents together were a third of the system calls of a small file). One that is replaced
/// meanwhile is not noticed: keep roots for a run at most, parents for as long as it takes to move
/// a file.
class KeepOpen
{
  public:
	explicit KeepOpen(Folders which);
	~KeepOpen();
	KeepOpen(const KeepOpen &) = delete;
	KeepOpen &operator=(const KeepOpen &) = delete;

  private:
	Folders which_;
};

/// How many bytes of a path are the configured folder.
size_t root_length(const std::string &path);

/// O_NOFOLLOW and O_CLOEXEC are added.
int open(const std::string &path, int flags, mode_t mode = 0, size_t root = by_shape);
int lstat(const std::string &path, struct stat *info);
int unlink(const std::string &path);
int rename(const std::string &from, const std::string &to);
/// Never replaces: EEXIST then.
int rename_new(const std::string &from, const std::string &to);
/// Creates the missing folders above a path; created tells whether there was one.
bool make_parents(const std::string &path, bool *created = nullptr);
/// Whether a name may be made, replaced or removed, as far as that can be known before it is tried:
/// whether its directory, or the nearest one above it that is there, may be written, and is not a
/// sticky one in which the name is somebody else's file.
int may_change(const std::string &path);
/// Removes the folders that are empty above a path, below but without root.
void remove_empty_parents(const std::string &path, const std::string &root);

/// For tests: opens folders one by one, as on a system without openat2(2).
void walk_only(bool only);

} // namespace etl::beneath
