// Recovery: what committed runs have planned and not done yet.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/beneath.h"
#include "run/actions.h"
#include "run/fault.h"

extern "C"
{
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
}

namespace etl
{

namespace
{

struct Row
{
	int64_t action_id = 0;
	bool is_done = false;
	FileAction action;
};

/// Whoever may write to etl.file_action must not be able to move or remove other files of the
/// server.
bool
lies_in_folders(const FileAction &action, const pg::Settings &settings)
{
	const auto inside = [&](const std::string &path)
	{
		const std::string root = path.substr(0, beneath::root_length(path));
		return root == settings.raw_dir || root == settings.processed_dir ||
			   root == settings.archive_dir;
	};
	return inside(action.from) && (action.to.empty() || inside(action.to));
}

/// The rows of committed transactions; those of this one wait for its commit.
std::vector<Row>
committed_actions(const std::string &dataset, const pg::Settings &settings)
{
	const pg::Rows rows = pg::query(
		"SELECT action_id, action, from_path, coalesce(to_path, ''), sha256, coalesce(file_id, 0),"
		" coalesce(size_bytes, 0), coalesce(inode, 0), coalesce(modified_ns, 0)"
		" FROM etl.file_action WHERE dataset = $1 AND action_id <> ALL ($2) ORDER BY action_id",
		{pg::param(dataset), pg::param_array(planned_action_ids())});
	std::vector<Row> found;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		Row row;
		row.action_id = rows.integer(i, 0);
		FileAction &action = row.action;
		const std::string kind = rows.text(i, 1);
		action.kind = kind == "publish"   ? FileAction::Kind::publish
					  : kind == "archive" ? FileAction::Kind::archive
					  : kind == "replace" ? FileAction::Kind::replace
										  : FileAction::Kind::remove;
		action.from = rows.text(i, 2);
		action.to = rows.text(i, 3);
		const std::string hash = rows.bytes(i, 4);
		std::memcpy(action.sha256.data(), hash.data(), std::min(hash.size(), action.sha256.size()));
		action.file_id = rows.integer(i, 5);
		action.identity = {static_cast<uint64_t>(rows.integer(i, 7)),
						   static_cast<uint64_t>(rows.integer(i, 6)), rows.integer(i, 8)};
		FileIdentity now;
		if (lies_in_folders(action, settings))
			found.push_back(std::move(row));
		else if (!identify(action.from, now) ||
				 (action.kind != FileAction::Kind::publish && !(now == action.identity)))
		{
			// done before the folder was changed
			row.is_done = true;
			found.push_back(std::move(row));
		}
		else
			pg::notice(WARNING,
					   "a file of dataset \"" + dataset + "\" waits in another folder than is set",
					   "Action " + std::to_string(row.action_id) +
						   " of etl.file_action is of a file outside etl.raw_dir, "
						   "etl.processed_dir and etl.archive_dir.",
					   "If a folder was changed, set the old one, run the dataset, and change it "
					   "then.");
	}
	return found;
}

/// Everything that was renamed is on the disk.
bool
sync_roots(const pg::Settings &settings)
{
	bool good = true;
	for (const std::string &root : {settings.processed_dir, settings.archive_dir, settings.raw_dir})
	{
		const int fd = open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return false;
		good = syncfs(fd) == 0 && good;
		close(fd);
	}
	return good;
}

/// Part files say in their name which process wrote them: nothing of a transaction that is still
/// running (an erasure touches the files of other datasets) is removed.
bool
is_written_now(const char *name)
{
	const char *kind = std::strchr(name, '.');
	const char *pid = kind == nullptr ? nullptr : std::strchr(kind + 1, '.');
	const int number = pid == nullptr ? 0 : std::atoi(pid + 1);
	return number > 0 && number != MyProcPid &&
		   pg::call([=] { return BackendPidGetProc(number) != nullptr; });
}

void
remove_leftovers(const std::string &folder, const std::set<std::string> &wanted)
{
	const int fd = beneath::open(folder + "/.", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? nullptr : fdopendir(fd);
	if (dir == nullptr)
		return;
	std::vector<std::string> names;
	while (const dirent *entry = readdir(dir))
		if (entry->d_name[0] != '.')
			names.emplace_back(entry->d_name);
	closedir(dir);
	for (const std::string &name : names)
		if (wanted.count(folder + "/" + name) == 0 && !is_written_now(name.c_str()))
			beneath::unlink(folder + "/" + name);
}

/// Says in etl.file what could not be done, and takes it back where it now could.
void
tell(const std::map<int64_t, std::string> &problems, const std::set<int64_t> &unarchived,
	 const std::set<int64_t> &files)
{
	std::vector<int64_t> healed, ids, raw;
	std::vector<std::string_view> texts;
	for (const int64_t id : files)
		if (problems.count(id) == 0)
			healed.push_back(id);
	for (const auto &[id, problem] : problems)
	{
		ids.push_back(id);
		texts.push_back(problem);
	}
	raw.assign(unarchived.begin(), unarchived.end());
	if (!healed.empty())
		pg::execute("UPDATE etl.file SET error = NULL,"
					" status = CASE status WHEN 'loaded' THEN 'archived' ELSE status END"
					" WHERE file_id = ANY ($1) AND status <> 'failed' AND"
					" (status = 'loaded' OR error IS NOT NULL)",
					{pg::param_array(healed)});
	if (!ids.empty())
		pg::execute("UPDATE etl.file f SET error = p.problem, status = CASE"
					" WHEN f.status = 'archived' AND f.file_id = ANY ($3) THEN 'loaded'"
					" ELSE f.status END"
					" FROM unnest($1::bigint[], $2::text[]) p(file_id, problem)"
					" WHERE f.file_id = p.file_id AND f.error IS DISTINCT FROM p.problem",
					{pg::param_array(ids), pg::param_array(texts), pg::param_array(raw)});
}

} // namespace

void
recover(const std::string &dataset, const pg::Settings &settings)
{
	ETL_FAULT("recover");
	const std::vector<Row> rows = committed_actions(dataset, settings);
	std::set<std::string> wanted = pending_parts();
	std::vector<int64_t> done;
	std::vector<FileAction> unfinished;
	std::map<int64_t, std::string> problems;
	std::set<int64_t> files, unarchived;
	for (const Row &row : rows)
	{
		ETL_FAULT("recover_action");
		const ActionResult result = row.is_done ? ActionResult{} : carry_out(row.action, true);
		files.insert(row.action.file_id);
		if (result.done)
			done.push_back(row.action_id);
		else
		{
			wanted.insert(row.action.from);
			unfinished.push_back(row.action);
		}
		if (result.problem.empty())
			continue;
		std::string &problem = problems[row.action.file_id];
		problem += (problem.empty() ? "" : "; ") + result.problem;
		if (row.action.kind != FileAction::Kind::publish)
			unarchived.insert(row.action.file_id);
	}
	set_unfinished(std::move(unfinished));
	if (!rows.empty())
		tell(problems, unarchived, files);
	const std::string folder = part_folder(settings, dataset);
	ETL_FAULT("recover_done");
	// the record of intent goes only when what it stands for is on the disk
	if (!done.empty() && sync_roots(settings))
	{
		ETL_FAULT("recover_synced");
		pg::execute("DELETE FROM etl.file_action WHERE action_id = ANY ($1)",
					{pg::param_array(done)});
	}
	ETL_FAULT("recover_forgotten");
	// what is left there belongs to transactions that never committed: the dataset is locked
	remove_leftovers(folder, wanted);
}

} // namespace etl
