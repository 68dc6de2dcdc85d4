#include "run/claim.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/scoped_fd.h"
#include "run/actions.h"
#include "run/quarantine.h"

namespace etl
{

namespace
{

bool
ends_with(const std::string &text, const char *end)
{
	const size_t n = std::strlen(end);
	return text.size() >= n && text.compare(text.size() - n, n, end) == 0;
}

constexpr int max_depth = 16;

/// Calls visit(fd, name, stat) for what is in a folder, but "." and "..", and links lead nowhere. A
/// folder that can't be read is as good as empty.
template <typename Visit>
void
for_entries(int parent, const char *name, Visit &&visit)
{
	const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	const std::unique_ptr<DIR, int (*)(DIR *)> dir(fdopendir(fd), closedir);
	if (!dir)
	{
		close(fd);
		return;
	}
	while (const dirent *entry = readdir(dir.get()))
	{
		const std::string entry_name = entry->d_name;
		struct stat info;
		if (entry_name != "." && entry_name != ".." &&
			fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
			visit(fd, entry_name, info);
	}
}

bool
is_staged(const std::string &name, const struct stat &info)
{
	return S_ISREG(info.st_mode) && name[0] != '.' && !ends_with(name, ".tmp") &&
		   !ends_with(name, ".part");
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

void
list_folder(int parent, const char *name, const std::string &prefix, int depth,
			std::vector<StagedFile> &files)
{
	for_entries(parent, name,
				[&](int fd, const std::string &entry, const struct stat &info)
				{
					if (S_ISDIR(info.st_mode) && entry[0] != '.' && depth < max_depth)
						list_folder(fd, entry.c_str(), prefix + entry + "/", depth + 1, files);
					else if (is_staged(entry, info))
						files.push_back(staged_file(prefix + entry, info));
				});
}

/// Calls visit with the staged files of each hour, in order of time, while it returns true: who
/// wants the first of a million need not look at them all.
template <typename Visit>
void
for_hours(const std::string &raw_dir, Visit &&visit)
{
	std::map<int32_t, std::string> dates;
	for_entries(AT_FDCWD, raw_dir.c_str(),
				[&](int, const std::string &name, const struct stat &info)
				{
					const auto partition = parse_partition(name + "/hour=0/name");
					if (S_ISDIR(info.st_mode) && partition)
						dates[partition->pg_date()] = name;
				});
	for (const auto &[date, folder] : dates)
	{
		const ScopedFd fd(open((raw_dir + "/" + folder).c_str(),
							   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		std::map<int, std::vector<std::string>> hours; // hour=7 and hour=07
		for_entries(fd.get(), ".",
					[&](int, const std::string &name, const struct stat &info)
					{
						const auto partition = parse_partition(folder + "/" + name + "/name");
						if (S_ISDIR(info.st_mode) && partition)
							hours[partition->hour].push_back(name);
					});
		for (const auto &[hour, names] : hours)
		{
			std::vector<StagedFile> files;
			for (const std::string &name : names)
				for_entries(fd.get(), name.c_str(),
							[&](int, const std::string &entry, const struct stat &info)
							{
								if (is_staged(entry, info))
									files.push_back(
										staged_file(folder + "/" + name + "/" + entry, info));
							});
			if (!visit(files))
				return;
		}
	}
}

/// Paths of the files that failed in this very backlog: the next one tries them again. (Even those
/// that have changed: a file that is being written all the time would keep it going.)
std::set<std::string>
failed_files(const Definition &definition, int64_t failed_since)
{
	std::set<std::string> failed;
	if (failed_since == 0)
		return failed;
	const pg::Rows rows = pg::query(
		"SELECT path FROM etl.file WHERE dataset = $1 AND status = 'failed' AND finished_at >= $2",
		{pg::param(definition.dataset), pg::param_timestamptz(failed_since)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		failed.insert(rows.text(i, 0));
	return failed;
}

} // namespace

bool
is_gzip(const std::string &name)
{
	return ends_with(name, ".gz");
}

bool
is_whole_json(const std::string &name)
{
	return ends_with(name, ".json") || ends_with(name, ".json.gz");
}

std::vector<StagedFile>
list_staged_files(const std::string &raw_dir)
{
	std::vector<StagedFile> files;
	list_folder(AT_FDCWD, raw_dir.c_str(), "", 0, files);
	return files;
}

std::vector<StagedFile>
claim_files(const Definition &definition, const pg::Settings &settings, const RunOptions &options)
{
	// what a run keeps in memory about a file is as much, whatever the file's size: a small one
	// counts as a block of the disk
	constexpr uint64_t block = 4096;
	const std::set<std::string> failed = failed_files(definition, options.failed_since);
	std::vector<StagedFile> staged;
	uint64_t bytes = 0;
	for_hours(
		settings.raw_dir,
		[&](std::vector<StagedFile> &files)
		{
			std::erase_if(files,
						  [&](const StagedFile &f)
						  {
							  // loaded, but not moved yet: a run in this very transaction, or the
							  // archive is full
							  return !f.partition || !definition.claims(f.name()) ||
									 is_taken_up(settings.raw_dir + "/" + f.path, f.identity) ||
									 failed.count(storable_text(f.path)) > 0;
						  });
			std::sort(files.begin(), files.end(),
					  [](const StagedFile &a, const StagedFile &b) { return a.path < b.path; });
			for (StagedFile &file : files)
			{
				bytes += std::max(file.identity.size, block);
				if (options.max_bytes != 0 && !staged.empty() && bytes > options.max_bytes)
					return false;
				staged.push_back(std::move(file));
			}
			return true;
		});
	return staged;
}

std::vector<RunFile>
take_up(const Definition &definition, const pg::Settings &settings, const RunOptions &options,
		std::span<StagedFile> staged, int64_t run_time, std::vector<FileTask> &tasks)
{
	std::vector<std::string_view> paths;
	for (const StagedFile &f : staged)
		paths.push_back(f.path);
	std::map<std::string, std::vector<Sha256>> known;
	if (!paths.empty())
	{
		const pg::Rows rows = pg::query(
			"SELECT f.path, h.sha256 FROM etl.file f JOIN unnest($2::text[]) p(path) USING (path)"
			" CROSS JOIN LATERAL (VALUES (f.sha256), (f.archived_sha256)) h(sha256)"
			" WHERE f.dataset = $1 AND f.status IN ('loaded', 'archived') AND h.sha256 IS NOT NULL",
			{pg::param(definition.dataset), pg::param_array(paths)});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			Sha256 hash{};
			const std::string bytes = rows.bytes(i, 1);
			std::memcpy(hash.data(), bytes.data(), std::min(bytes.size(), hash.size()));
			known[rows.text(i, 0)].push_back(hash);
		}
	}
	std::vector<RunFile> files;
	files.reserve(staged.size());
	tasks.reserve(staged.size());
	for (StagedFile &f : staged)
	{
		RunFile file;
		file.path = std::move(f.path);
		file.absolute = settings.raw_dir + "/" + file.path;
		file.context = {f.partition->pg_date(), static_cast<int16_t>(f.partition->hour), run_time};
		file.identity = f.identity;
		FileTask task;
		task.path = file.absolute;
		task.gzip = is_gzip(file.path);
		task.whole_json = is_whole_json(file.path);
		task.context = file.context;
		if (const auto contents = known.find(file.path); contents != known.end())
			task.known = std::move(contents->second);
		if (const auto refused = options.refused.find(file.path); refused != options.refused.end())
			task.refused = refused->second;
		files.push_back(std::move(file));
		tasks.push_back(std::move(task));
	}
	return files;
}

} // namespace etl
