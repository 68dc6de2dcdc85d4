// File operations that cannot be redirected out of pg_etl's directories by symbolic links.
//
// Whoever delivers files may write into the raw directory and can, at any moment, replace a
// partition directory with a symbolic link. These functions follow links in the path of the
// configured directory, which an administrator chose, but no link below it: every directory on the
// way is opened without following links, and the last step is done relative to the directory that
// was opened.
//
// The functions recognise the configured directory by the shape of the path below it, so that
// callers need not pass it: "<directory>/date=…/hour=…/<name>" or
// "<directory>/.pg_etl/<database>/<dataset>/<name>". In a path of another shape, links are followed
// up to the file's own directory, unless `root` gives the length in bytes of the part of the path
// in which links are allowed. A path with a ".." step is refused (EPERM).
//
// All functions set errno as the system calls do. A link that is not allowed gives ELOOP.
#pragma once

#include <cstddef>
#include <string>

#include <sys/stat.h>

namespace etl::beneath
{

constexpr size_t by_shape = static_cast<size_t>(-1);

/// The directories that a thread may keep open: the configured ones, or the ones that directly
/// contain files.
enum class Folders
{
	roots,
	parents
};

/// While an object of this class exists, its thread opens each of these directories once instead of
/// once for each path (together they were a third of the system calls for a small file). A
/// directory that is replaced meanwhile is not noticed, so keep `roots` at most for a run, and
/// `parents` only while a file is moved.
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

/// The length in bytes of the configured directory at the beginning of the path.
size_t root_length(const std::string &path);

/// Like open(2). O_NOFOLLOW and O_CLOEXEC are added to the flags.
int open(const std::string &path, int flags, mode_t mode = 0, size_t root = by_shape);
int lstat(const std::string &path, struct stat *info);
int unlink(const std::string &path);
int rename(const std::string &from, const std::string &to);
/// Like rename(), but fails with EEXIST if the name `to` exists.
int rename_new(const std::string &from, const std::string &to);
/// Creates the missing directories above a path. `created` becomes true if any was missing.
bool make_parents(const std::string &path, bool *created = nullptr);
/// Whether a name may be created, replaced or removed, as far as this is known in advance: its
/// directory, or the nearest existing directory above, must be writable, and must not be a sticky
/// directory in which the name is a file of another user. Returns 0, or -1 with errno.
int may_change(const std::string &path);
/// Removes the empty directories above a path that are below `root`, but not `root` itself.
void remove_empty_parents(const std::string &path, const std::string &root);

/// For tests: opens directories one by one, as on a system without openat2(2).
void walk_only(bool only);

} // namespace etl::beneath
