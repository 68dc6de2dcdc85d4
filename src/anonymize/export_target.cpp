// Where an export may be written, and how its file gets its name.
#include "anonymize/export_target.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/inside.h"
#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/guard.h"
#include "pg/run_as.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "catalog/pg_authid.h"
#include "utils/acl.h"
}

namespace etl
{

namespace
{

/// The path relative to a directory. Empty if it is not inside the directory.
std::string
relative_to(const std::string &resolved, const std::string &directory)
{
	return directory.empty() ? "" : path_inside(resolved, directory).value_or("");
}

constexpr char find_dataset_of_path_sql[] = R"(
SELECT f.dataset
  FROM etl.dataset d
  JOIN etl.file f ON f.dataset = d.name
 WHERE f.path IN ($4, $5)
   AND (($1 <> '' AND f.path = $1) OR ($2 <> '' AND f.processed_path = $2)
        OR ($3 <> '' AND f.archived_path = $3))
 LIMIT 1)";

/// Refuses a file that is in etl.file. It must stay what the catalog says, because an erasure
/// rewrites it and etl.file has its hash.
void
refuse_known(const std::string &resolved, const std::string &path, const pg::Settings &settings)
{
	const std::string raw = relative_to(resolved, settings.raw_dir),
					  processed = relative_to(resolved, settings.processed_dir),
					  archived = relative_to(resolved, settings.archive_dir);
	const std::string &known = !raw.empty() ? raw : !processed.empty() ? processed : archived;
	if (known.empty())
		return;
	// The index has the dataset and the path of the delivered file. The second file of the same
	// name has a number in its name (name.2.json).
	const pg::RunAs owner(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
	const pg::Rows rows = pg::query(find_dataset_of_path_sql,
									{pg::param(raw), pg::param(processed), pg::param(archived),
									 pg::param(known), pg::param(path_without_count(known))});
	if (!rows.empty())
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"cannot write over \"" + storable_text(path) + "\"",
						"It is a file of dataset \"" + rows.text(0, 0) + "\" (etl.file).",
						"Give the export a name or a directory of its own.");
}

} // namespace

ExportTarget::ExportTarget(const std::string &path)
{
	const pg::Settings settings = pg::Settings::current();
	if (settings.processed_dir.empty())
		settings.require_folders();
	const std::string absolute =
		!path.empty() && path[0] == '/' ? path : settings.processed_dir + "/" + path;
	const size_t slash = absolute.rfind('/');
	name_ = absolute.substr(slash + 1);
	if (name_.empty() || name_ == "." || name_ == "..")
		throw pg::Error(sqlstate::invalid_parameter_value,
						"path \"" + storable_text(path) + "\" names no file", "",
						"Give a path relative to etl.processed_dir, or an absolute one.");
	const std::unique_ptr<char, void (*)(void *)> directory(
		realpath(slash == 0 ? "/" : absolute.substr(0, slash).c_str(), nullptr), std::free);
	const auto fail = [&]
	{
		const int error = errno;
		throw pg::Error(sqlstate_of_errno(error),
						"could not open the directory of \"" + storable_text(path) +
							"\": " + pg_strerror(error),
						"", "Create the directory on the server first.");
	};
	if (!directory)
		fail();
	const std::string folder = directory.get();
	if (!is_inside(folder, settings.processed_dir) &&
		!pg::call([] { return has_privs_of_role(GetUserId(), ROLE_PG_WRITE_SERVER_FILES); }))
		throw pg::Error(sqlstate::insufficient_privilege,
						"permission denied to write file \"" + storable_text(path) + "\"",
						"It lies outside etl.processed_dir.",
						"Only members of pg_write_server_files may write elsewhere.");
	// all links were followed above, so a link at this point is new
	directory_ = ScopedFd(beneath::open(folder + "/", O_RDONLY | O_DIRECTORY, 0, 0));
	if (!directory_)
		fail();
	struct stat there;
	if (fstatat(directory_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
		throw pg::Error(sqlstate::wrong_object_type,
						"\"" + storable_text(path) + "\" is not a regular file", "",
						"Give the export a name of its own.");
	resolved_ = (folder == "/" ? "" : folder) + "/" + name_;
	// the session may have other settings than the database, whose files must be protected
	refuse_known(resolved_, path, settings);
	refuse_known(resolved_, path, pg::Settings::lasting());
	part_name_ = ".pg_etl." + name_ + "." + std::to_string(getpid()) + ".part";
	part_ = "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + part_name_;
	remove_leftovers();
}

ExportTarget::~ExportTarget()
{
	if (!part_name_.empty())
		(void)unlinkat(directory_.get(), part_name_.c_str(), 0);
}

/// Removes parts of this file that killed sessions have left.
void
ExportTarget::remove_leftovers() const
{
	const int fd = openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const std::unique_ptr<DIR, int (*)(DIR *)> entries(fd < 0 ? nullptr : fdopendir(fd), closedir);
	if (!entries)
		return;
	const std::string prefix = ".pg_etl." + name_ + ".", end = ".part";
	while (const dirent *entry = ::readdir(entries.get()))
	{
		const std::string name = entry->d_name;
		if (name.size() <= prefix.size() + end.size() ||
			name.compare(0, prefix.size(), prefix) != 0 ||
			name.compare(name.size() - end.size(), end.size(), end) != 0)
			continue;
		const std::string pid =
			name.substr(prefix.size(), name.size() - prefix.size() - end.size());
		if (pid.find_first_not_of("0123456789") != std::string::npos || pid.size() > 9)
			continue;
		const pid_t process = std::stoi(pid);
		if (process == getpid() || (kill(process, 0) != 0 && errno == ESRCH))
			(void)unlinkat(directory_.get(), name.c_str(), 0);
	}
}

void
ExportTarget::publish()
{
	const auto fail = [&]
	{
		throw pg::Error(sqlstate_of_errno(errno), "could not give \"" + storable_text(resolved_) +
													  "\" its name: " + pg_strerror(errno));
	};
	if (renameat(directory_.get(), part_name_.c_str(), directory_.get(), name_.c_str()) != 0)
		fail();
	part_name_ = name_; // remove it in the destructor until the name is durable
	if (fsync(directory_.get()) != 0)
		fail();
	part_name_.clear();
}

} // namespace etl
