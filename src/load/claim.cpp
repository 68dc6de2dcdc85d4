#include "load/claim.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/scoped_fd.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/records/file_name.h"
#include "core/records/partition.h"
#include "load/destinations.h"
#include "load/quarantine.h"
#include "load/reload.h"
#include "load/rest_of_files.h"
#include "load/run_file.h"
#include "load/run_options.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

/// The errno of opening a directory, but ELOOP if a link is in its place.
int
error_of_folder(int parent, const char *name, int error)
{
	struct stat info;
	const bool is_link = error == ENOTDIR &&
						 fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
						 S_ISLNK(info.st_mode);
	return is_link ? ELOOP : error;
}

/// Calls visit(fd, entry) for the entries of a directory except "." and "..". Returns 0, or the
/// errno if it could not be read to its end. `no_link` is O_NOFOLLOW if the name must not be a
/// link.
template <typename Visit>
int
for_names(int parent, const char *name, int no_link, Visit &&visit)
{
	const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | no_link);
	if (fd < 0)
		return error_of_folder(parent, name, errno);
	const std::unique_ptr<DIR, int (*)(DIR *)> dir(fdopendir(fd), closedir);
	if (!dir)
	{
		const int error = errno;
		close(fd);
		return error;
	}
	for (;;)
	{
		errno = 0;
		const dirent *entry = readdir(dir.get());
		if (entry == nullptr)
			return errno;
		if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
			visit(fd, *entry);
	}
}

UnreadableDirectory
unreadable_directory(std::string path, int error)
{
	if (error == ELOOP)
		return {std::move(path), "not a directory, but a symbolic link", sqlstate_of_errno(error)};
	const FileError why = system_error("could not read directory", error);
	return {std::move(path), why.what(), why.sqlstate()};
}

/// Does not follow links.
bool
stat_entry(int fd, const dirent &entry, struct stat &info)
{
	return fstatat(fd, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Whether the entry is a directory, or a link. A link is reported when it is opened. Otherwise
/// files that are delivered through it would wait silently.
bool
is_folder(int fd, const dirent &entry)
{
	struct stat info;
	return entry.d_type == DT_DIR || entry.d_type == DT_LNK ||
		   (entry.d_type == DT_UNKNOWN && stat_entry(fd, entry, info) &&
			(S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode)));
}

/// Whether a path that ends in "/" is that of the directory of a partition or of a day.
bool
is_partition_folder(const std::string &path)
{
	return parse_partition(path + "name") || parse_partition(path + "hour=0/name");
}

bool
has_staged_name(const std::string &name)
{
	return name[0] != '.' && !name.ends_with(".tmp") && !name.ends_with(".part");
}

bool
is_staged(const std::string &name, const struct stat &info)
{
	return S_ISREG(info.st_mode) && has_staged_name(name);
}

StagedFile
staged_file(std::string path, const struct stat &info)
{
	StagedFile file;
	file.path = std::move(path);
	file.identity = {static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
					 static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec};
	file.partition = parse_partition(file.path);
	return file;
}

struct Walk
{
	const std::function<void(StagedFile)> &visit;
	const std::function<void(UnreadableDirectory)> &unreadable;
	const std::function<void(IrregularFile)> &irregular;
};

/// Whether an entry has the name of a staged file in a partition but is not a regular file.
bool
is_irregular(const std::string &path, const std::string &name, const struct stat &info)
{
	return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) && has_staged_name(name) &&
		   parse_partition(path).has_value();
}

void
list_folder(int parent, const char *name, const std::string &prefix, int depth, const Walk &walk)
{
	int hidden = 0; // errno of entries that cannot be examined
	const int error = for_names(
		parent, name, depth == 0 ? 0 : O_NOFOLLOW,
		[&](int fd, const dirent &entry)
		{
			const std::string entry_name = entry.d_name;
			struct stat info;
			if (!stat_entry(fd, entry, info))
				hidden = means_gone(errno) ? hidden : errno;
			else if (S_ISDIR(info.st_mode) && entry_name[0] != '.' &&
					 depth < limits::directory_depth)
				list_folder(fd, entry.d_name, prefix + entry_name + "/", depth + 1, walk);
			else if (S_ISLNK(info.st_mode) && is_partition_folder(prefix + entry_name + "/"))
				walk.unreadable(unreadable_directory(prefix + entry_name + "/", ELOOP));
			else if (is_staged(entry_name, info))
				walk.visit(staged_file(prefix + entry_name, info));
			else if (walk.irregular && is_irregular(prefix + entry_name, entry_name, info))
				walk.irregular({prefix + entry_name, S_ISLNK(info.st_mode)
														 ? "a symbolic link, which is not followed"
														 : "not a regular file"});
		});
	if (const int why = error != 0 ? error : hidden; why != 0 && (depth == 0 || !means_gone(why)))
		walk.unreadable(unreadable_directory(prefix, why));
}

constexpr char find_failed_files_sql[] = R"(
SELECT path FROM etl.file WHERE dataset = $1 AND status = 'failed' AND run_id > $2)";

/// The paths of files that failed earlier in this backlog; the next backlog tries them again. This
/// includes files that have changed since, because a file that is written all the time would keep
/// the backlog from ending.
std::set<std::string>
failed_files(const Definition &definition, int64_t after_run)
{
	std::set<std::string> failed;
	if (after_run < 0)
		return failed;
	const pg::Rows rows =
		pg::query(find_failed_files_sql, {pg::param(definition.dataset), pg::param(after_run)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		failed.insert(rows.text(i, 0));
	return failed;
}

} // namespace

void
for_staged_files(const std::string &root, const std::function<void(StagedFile)> &visit,
				 const std::function<void(UnreadableDirectory)> &unreadable,
				 const std::function<void(IrregularFile)> &irregular)
{
	list_folder(AT_FDCWD, root.c_str(), "", 0, {visit, unreadable, irregular});
}

Claim::Claim(const Definition &definition, const pg::Settings &settings, const RunOptions &options)
	: definition_(definition), settings_(settings), options_(options),
	  failed_(failed_files(definition, options.after_run))
{
	if (options.reload != nullptr)
	{
		options.reload->rewind();
		return;
	}
	// the configured directory itself may be a link, as everywhere
	const int error = for_names(
		AT_FDCWD, settings.raw_dir.c_str(), 0,
		[&](int fd, const dirent &entry)
		{
			if (parse_partition(std::string(entry.d_name) + "/hour=0/name") && is_folder(fd, entry))
				dates_.emplace_back(entry.d_name);
		});
	if (error != 0)
		throw pg::Error(sqlstate_of_errno(error),
						"could not read directory \"" + storable_text(settings.raw_dir) +
							"\": " + pg_strerror(error),
						"It is etl.raw_dir.");
	std::sort(dates_.begin(), dates_.end()); // date=YYYY-MM-DD
	if (const Backlog *const backlog = going_on())
		date_ = static_cast<size_t>(
			std::lower_bound(dates_.begin(), dates_.end(), backlog->place().date) - dates_.begin());
}

const Backlog *
Claim::going_on() const
{
	return options_.backlog != nullptr && options_.backlog->goes_on() ? options_.backlog : nullptr;
}

Backlog::Place
Claim::place() const
{
	return {dates_[date_ - 1], hours_[hour_ - 1].folder};
}

void
Claim::add_unreadable(std::string path, int error)
{
	if (!means_gone(error) && failed_.count(path) == 0)
		unreadable_.push_back(unreadable_directory(std::move(path), error));
}

bool
Claim::next_date()
{
	if (date_ == dates_.size())
		return false;
	const std::string &date = dates_[date_++];
	hours_.clear();
	hour_ = 0;
	const std::string path = settings_.raw_dir + "/" + date;
	date_fd_ = ScopedFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	const int error = !date_fd_
						  ? error_of_folder(AT_FDCWD, path.c_str(), errno)
						  : for_names(date_fd_.get(), ".", O_NOFOLLOW,
									  [&](int fd, const dirent &entry)
									  {
										  const auto partition =
											  parse_partition(date + "/" + entry.d_name + "/name");
										  if (partition && is_folder(fd, entry))
											  hours_.push_back({partition->hour, entry.d_name});
									  });
	if (error != 0)
		add_unreadable(date + "/", error);
	else
		readable_.push_back(date + "/");
	std::sort(hours_.begin(), hours_.end(), is_before);
	skip_hours();
	return true;
}

/// Skips the hours before the one in which the backlog's last batch ended.
void
Claim::skip_hours()
{
	const Backlog *const backlog = going_on();
	if (backlog == nullptr || backlog->place().date != dates_[date_ - 1])
		return;
	const auto partition =
		parse_partition(backlog->place().date + "/" + backlog->place().hour + "/name");
	if (partition)
		hour_ = static_cast<size_t>(std::lower_bound(hours_.begin(), hours_.end(),
													 Hour{partition->hour, backlog->place().hour},
													 is_before) -
									hours_.begin());
}

bool
Claim::is_wanted(const StagedFile &file) const
{
	// loaded but not moved yet: by a run in this transaction, or because the archive is full
	const std::string path = settings_.raw_dir + "/" + file.path;
	const Backlog *const backlog = going_on();
	return file.partition && !is_taken_up(path, file.identity) &&
		   (backlog == nullptr || !backlog->takes(path)) &&
		   failed_.count(storable_text(file.path)) == 0;
}

/// Takes up a file of the dataset, unless it may be incomplete.
void
Claim::look_at(int folder, const char *name, StagedFile file)
{
	if (!is_wanted(file))
		return;
	const char *const why = why_waits(
		file.identity, settings_.settle_time,
		[=] {
			return openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
		});
	if (why != nullptr)
		waiting_.add(file.path, why);
	else
		files_.push_back(std::move(file));
}

bool
Claim::next_hour()
{
	while (hour_ == hours_.size())
		if (!next_date())
			return false;
	const std::string &folder = hours_[hour_++].folder;
	const std::string prefix = dates_[date_ - 1] + "/" + folder + "/";
	int hidden = 0; // errno of files that cannot be examined
	int error =
		for_names(date_fd_.get(), folder.c_str(), O_NOFOLLOW,
				  [&](int fd, const dirent &entry)
				  {
					  struct stat info;
					  if (!definition_.claims(entry.d_name))
						  return;
					  if (!stat_entry(fd, entry, info))
						  hidden = means_gone(errno) ? hidden : errno;
					  else if (is_staged(entry.d_name, info))
						  look_at(fd, entry.d_name, staged_file(prefix + entry.d_name, info));
				  });
	error = error != 0 ? error : hidden;
	if (error != 0)
		add_unreadable(prefix, error);
	else
		readable_.push_back(prefix);
	std::sort(files_.begin(), files_.end(),
			  [](const StagedFile &a, const StagedFile &b) { return a.path > b.path; });
	return true;
}

std::vector<StagedFile>
Claim::take(size_t count)
{
	// a run needs the same memory for each file, so a small file counts as one block of the disk
	constexpr uint64_t block = 4096;
	if (options_.reload != nullptr)
		return options_.reload->take(count);
	std::vector<StagedFile> taken;
	while (taken.size() < count)
	{
		while (files_.empty())
			if (!next_hour())
				return taken;
		bytes_ += std::max(files_.back().identity.size, block);
		if (options_.max_bytes != 0 && any_ && bytes_ > options_.max_bytes)
			return taken;
		any_ = true;
		taken.push_back(std::move(files_.back()));
		files_.pop_back();
	}
	return taken;
}

uint64_t
expected_bytes(std::span<const StagedFile> staged)
{
	uint64_t bytes = 0;
	for (const StagedFile &file : staged)
		bytes += file.identity.size * (is_gzip(file.path) ? 7 : 1);
	return bytes;
}

constexpr char find_known_hashes_sql[] = R"(
SELECT f.path, h.sha256
  FROM etl.file f
  JOIN unnest($2::text[]) p(path) USING (path)
  CROSS JOIN LATERAL (VALUES (f.sha256), (f.archived_sha256)) h(sha256)
 WHERE f.dataset = $1
   AND (f.status IN ('loaded', 'archived') AND h.sha256 IS NOT NULL
        OR f.status = 'failed' AND strpos(f.error, '"max_rejected"') > 0))";

std::vector<RunFile>
take_up(const Definition &definition, const pg::Settings &settings, const RunOptions &options,
		std::span<StagedFile> staged, int64_t run_time, std::vector<FileTask> &tasks)
{
	std::vector<std::string_view> paths;
	for (const StagedFile &f : staged)
		paths.push_back(f.path);
	std::map<std::string, std::vector<Sha256>> known;
	std::set<std::string> suspects;
	if (!paths.empty())
	{
		const pg::Rows rows = pg::query(find_known_hashes_sql,
										{pg::param(definition.dataset), pg::param_array(paths)});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			if (rows.is_null(i, 1))
			{
				suspects.insert(rows.text(i, 0));
				continue;
			}
			Sha256 hash{};
			const std::string bytes = rows.bytes(i, 1);
			std::memcpy(hash.data(), bytes.data(), std::min(bytes.size(), hash.size()));
			known[rows.text(i, 0)].push_back(hash);
		}
	}
	std::vector<RunFile> files;
	files.reserve(staged.size());
	tasks.reserve(staged.size());
	Destinations destinations(settings);
	for (StagedFile &f : staged)
	{
		RunFile file;
		file.path = std::move(f.path);
		file.archived_path = std::move(f.archived_path);
		file.absolute = file.archived_path.empty()
							? settings.raw_dir + "/" + file.path
							: settings.archive_dir + "/" + file.archived_path;
		file.context = {f.partition->pg_date(), static_cast<int16_t>(f.partition->hour), run_time};
		file.identity = f.identity;
		FileTask task;
		task.path = file.absolute;
		task.gzip = is_gzip(file.path);
		task.whole_json = is_whole_json(file.path);
		task.context = file.context;
		task.suspect = suspects.count(file.path) > 0;
		if (const auto contents = known.find(file.path); contents != known.end())
			task.known = std::move(contents->second);
		if (const auto refused = options.refused.find(file.path); refused != options.refused.end())
			task.refused = refused->second;
		else
			task.refused = destinations.problem(file.path);
		files.push_back(std::move(file));
		tasks.push_back(std::move(task));
	}
	if (options.reload == nullptr)
		look_up_loaded_parts(files, tasks);
	else
		look_up_archived_parts(definition.dataset, settings, files, tasks);
	return files;
}

} // namespace etl
