#include "run/claim.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

void
list_folder(int parent, const char *name, const std::string &prefix, int depth,
			std::vector<StagedFile> &files)
{
	const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	DIR *dir = fdopendir(fd);
	if (dir == nullptr)
	{
		close(fd);
		return;
	}
	while (const dirent *entry = readdir(dir))
	{
		const std::string entry_name = entry->d_name;
		if (entry_name[0] == '.' && (entry_name == "." || entry_name == ".."))
			continue;
		struct stat info;
		if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(info.st_mode))
		{
			if (entry_name[0] != '.' && depth < max_depth)
				list_folder(fd, entry->d_name, prefix + entry_name + "/", depth + 1, files);
			continue;
		}
		if (!S_ISREG(info.st_mode) || entry_name[0] == '.' || ends_with(entry_name, ".tmp") ||
			ends_with(entry_name, ".part"))
			continue;
		StagedFile file;
		file.path = prefix + entry_name;
		file.identity = {static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
						 static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 +
							 info.st_mtim.tv_nsec};
		file.partition = parse_partition(file.path);
		files.push_back(std::move(file));
	}
	closedir(dir);
}

/// Takes out the files that failed in this very backlog: the next one tries them again. (Even those
/// that have changed: a file that is being written all the time would keep it going.)
void
leave_out_failed(const Definition &definition, int64_t failed_since,
				 std::vector<StagedFile> &staged)
{
	const pg::Rows rows = pg::query(
		"SELECT path FROM etl.file WHERE dataset = $1 AND status = 'failed' AND finished_at >= $2",
		{pg::param(definition.dataset), pg::param_timestamptz(failed_since)});
	std::set<std::string> failed;
	for (uint64_t i = 0; i < rows.size(); ++i)
		failed.insert(rows.text(i, 0));
	std::erase_if(staged,
				  [&](const StagedFile &f) { return failed.count(storable_text(f.path)) > 0; });
}

/// The first files whose sizes come to that many bytes. A small one counts as a block of the disk:
/// what a run keeps in memory about a file is as much, whatever the file's size.
void
keep_first(uint64_t max_bytes, std::vector<StagedFile> &staged)
{
	constexpr uint64_t block = 4096;
	uint64_t bytes = 0;
	for (size_t i = 0; i < staged.size(); ++i)
	{
		bytes += std::max(staged[i].identity.size, block);
		if (i > 0 && bytes > max_bytes)
		{
			staged.resize(i);
			return;
		}
	}
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
	std::vector<StagedFile> staged = list_staged_files(settings.raw_dir);
	std::erase_if(staged,
				  [&](const StagedFile &f)
				  {
					  // loaded, but not moved yet: a run in this very transaction, or the archive
					  // is full
					  return !f.partition || !definition.claims(f.name()) ||
							 is_taken_up(settings.raw_dir + "/" + f.path, f.identity);
				  });
	const auto order = [](const StagedFile &f) {
		return std::make_tuple(f.partition->pg_date(), f.partition->hour, std::string_view(f.path));
	};
	if (options.failed_since != 0)
		leave_out_failed(definition, options.failed_since, staged);
	std::sort(staged.begin(), staged.end(),
			  [&](const StagedFile &a, const StagedFile &b) { return order(a) < order(b); });
	if (options.max_bytes != 0)
		keep_first(options.max_bytes, staged);
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
