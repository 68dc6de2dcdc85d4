// Recovery: carries out the actions that committed runs have planned and not done yet.
//
// Next door: plan.cpp has made the plan, carry_out.cpp does one action.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/key_set.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/inside.h"
#include "pg/catalog_owner.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/temp_file.h"
#include "publish/archive_mark.h"
#include "publish/backlog.h"
#include "publish/export_intent.h"
#include "publish/grown_files.h"
#include "publish/plan.h"
#include "publish/recover.h"

namespace etl
{

namespace
{

struct Row
{
	int64_t action_id = 0;
	bool is_done = false;
	bool waits = false; ///< a file is in a directory that is no longer set
	FileAction action;
};

/// Whether the action is in the configured directories. A role that may write to etl.file_action
/// must not be able to move or remove other files of the server.
bool
lies_in_folders(const FileAction &action, const pg::Settings &settings)
{
	const auto inside = [&](const std::string &path)
	{
		const std::string root = path.substr(0, beneath::root_length(path));
		if (root == settings.raw_dir || root == settings.processed_dir ||
			root == settings.archive_dir)
			return true;
		// the file of an export may be anywhere below the processed directory, if there are no
		// links
		const std::string &processed = settings.processed_dir;
		const size_t name = path.rfind('/');
		return !processed.empty() && name != std::string::npos && name >= processed.size() &&
			   path.compare(0, processed.size() + 1, processed + "/") == 0 &&
			   resolved_path(path.substr(0, name)) ==
				   resolved_path(processed) +
					   path.substr(processed.size(), name - processed.size());
	};
	return inside(action.from) && (action.to.empty() || inside(action.to));
}

constexpr char read_file_actions_sql[] = R"(
SELECT action_id, action, from_path, coalesce(to_path, ''), sha256, coalesce(file_id, 0),
       coalesce(size_bytes, 0), coalesce(inode, 0), coalesce(modified_ns, 0)
  FROM etl.file_action
 WHERE dataset = $1 AND action_id > $2 AND action_id < $3
 ORDER BY action_id
 LIMIT $4)";

/// Some rows of committed transactions, after `last`. The rows of this transaction are done after
/// its commit.
std::vector<Row>
committed_actions(const std::string &dataset, const pg::Settings &settings, int64_t &last)
{
	const pg::Rows rows =
		pg::query(read_file_actions_sql,
				  {pg::param(dataset), pg::param(last), pg::param(first_planned_action(dataset)),
				   pg::param(limits::recovered_actions)});
	if (rows.size() > 0)
		last = rows.integer(rows.size() - 1, 0);
	std::vector<Row> found;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		Row row;
		row.action_id = rows.integer(i, 0);
		FileAction &action = row.action;
		action.kind = FileAction::kind_named(rows.text(i, 1));
		action.from = rows.text(i, 2);
		action.to = rows.text(i, 3);
		const std::string hash = rows.bytes(i, 4);
		std::memcpy(action.sha256.data(), hash.data(), std::min(hash.size(), action.sha256.size()));
		action.file_id = rows.integer(i, 5);
		action.identity = {static_cast<uint64_t>(rows.integer(i, 7)),
						   static_cast<uint64_t>(rows.integer(i, 6)), rows.integer(i, 8)};
		FileIdentity now;
		if (!lies_in_folders(action, settings))
		{
			// the action may have been done before the setting was changed
			const Presence presence = look_for(action.from, now);
			row.is_done = presence == Presence::gone ||
						  (presence == Presence::there &&
						   action.kind != FileAction::Kind::publish && !(now == action.identity));
			row.waits = !row.is_done;
		}
		if (row.waits)
			pg::notice(
				WARNING,
				"a file of dataset \"" + dataset + "\" waits in another directory than is set",
				"Action " + std::to_string(row.action_id) +
					" of etl.file_action is of a file outside etl.raw_dir, "
					"etl.processed_dir and etl.archive_dir.",
				"If a directory was changed, set the old one, run the dataset, and change it "
				"then.");
		found.push_back(std::move(row));
	}
	return found;
}

/// Syncs the file systems, so that all renames are on disk.
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

/// Removes files of transactions that did not commit.
void
remove_leftovers(const std::string &folder)
{
	const int fd = beneath::open(folder + "/.", O_RDONLY | O_DIRECTORY);
	const std::unique_ptr<DIR, int (*)(DIR *)> dir(fd < 0 ? nullptr : fdopendir(fd), closedir);
	if (!dir)
	{
		if (!means_gone(errno))
			pg::notice(WARNING,
					   "could not read directory \"" + folder +
						   "\": " + std::string(pg_strerror(errno)),
					   "What interrupted runs and exports have left in it stays.",
					   "Let the server's user read it.");
		return;
	}
	while (const dirent *entry = readdir(dir.get()))
		if (entry->d_name[0] != '.' && !is_export_intent(entry->d_name) &&
			!is_pending_part(folder + "/" + entry->d_name) && !is_written_now(entry->d_name))
			beneath::unlink(folder + "/" + entry->d_name);
}

constexpr char note_archived_files_sql[] = R"(
UPDATE etl.file
   SET error = NULL, status = CASE status WHEN 'loaded' THEN 'archived' ELSE status END
 WHERE file_id = ANY ($1) AND status <> 'failed'
   AND (status = 'loaded' OR error IS NOT NULL))";

constexpr char note_problems_of_files_sql[] = R"(
UPDATE etl.file f
   SET status = CASE WHEN f.status = 'archived' AND f.file_id = ANY ($3) THEN 'loaded'
                     ELSE f.status END,
       error = CASE WHEN f.file_id = ANY ($4) THEN f.error || '; ' || p.problem ELSE p.problem END
  FROM unnest($1::bigint[], $2::text[]) p(file_id, problem)
 WHERE f.file_id = p.file_id AND f.error IS DISTINCT FROM p.problem)";

/// Records in etl.file what could not be done, and removes the text when it could be done.
void
tell(const std::map<int64_t, std::string> &problems, const std::set<int64_t> &unarchived,
	 const std::set<int64_t> &told, const std::vector<int64_t> &healed)
{
	std::vector<int64_t> ids, raw;
	const std::vector<int64_t> before(told.begin(), told.end());
	std::vector<std::string_view> texts;
	for (const auto &[id, problem] : problems)
	{
		ids.push_back(id);
		texts.push_back(problem);
	}
	raw.assign(unarchived.begin(), unarchived.end());
	const AsCatalogOwner owner;
	if (!healed.empty())
		pg::execute(note_archived_files_sql, {pg::param_array(healed)});
	if (!ids.empty())
		pg::execute(note_problems_of_files_sql, {pg::param_array(ids), pg::param_array(texts),
												 pg::param_array(raw), pg::param_array(before)});
}

constexpr char delete_file_actions_sql[] = R"(
DELETE FROM etl.file_action WHERE action_id = ANY ($1))";

/// Carries out committed actions, some at a time.
class Recovery
{
  public:
	Recovery(const std::string &dataset, const pg::Settings &settings, Backlog *backlog)
		: dataset_(dataset), settings_(settings), backlog_(backlog),
		  no_mark_(heal_archive_mark(dataset, settings)),
		  last_(backlog != nullptr ? backlog->last_action() : INT64_MIN)
	{
	}
	int64_t last() const { return last_; }

	/// Returns false if no actions were left.
	bool step()
	{
		const pg::MemoryScope memory_scope;
		const std::vector<Row> rows = committed_actions(dataset_, settings_, last_);
		if (rows.empty())
			return false;
		std::vector<FileAction> unfinished;
		std::map<int64_t, std::string> problems;
		std::set<int64_t> files, unarchived;
		for (const Row &row : rows)
		{
			pg::check_for_interrupts();
			if (row.waits)
			{
				unfinished.push_back(row.action);
				continue;
			}
			ETL_FAULT("recover_action");
			const ActionResult result = row.is_done ? ActionResult{} : carry_out_marked(row.action);
			files.insert(row.action.file_id);
			if (result.has_grown)
				note_grown(dataset_, row.action);
			// the row of a watched file stays, so that the next run looks at the file again
			if (!result.done)
				unfinished.push_back(row.action);
			else if (!result.watch)
				done_.push_back(row.action_id);
			if (result.problem.empty())
				continue;
			std::string &problem = problems[row.action.file_id];
			problem += (problem.empty() ? "" : "; ") + result.problem;
			if (row.action.kind != FileAction::Kind::publish)
				unarchived.insert(row.action.file_id);
		}
		add_unfinished(dataset_, unfinished);
		if (backlog_ != nullptr)
			backlog_->add_unfinished(unfinished);
		std::vector<int64_t> healed;
		for (const int64_t id : files)
			if (problems.count(id) == 0 && !troubled_.contains(key_of(id)))
				healed.push_back(id);
		// the text that an earlier slice has recorded for the file stays
		std::set<int64_t> told;
		for (const auto &[id, problem] : problems)
			if (troubled_.contains(key_of(id)))
				told.insert(id);
		for (const auto &[id, problem] : problems)
			troubled_.add(key_of(id));
		tell(problems, unarchived, told, healed);
		ETL_FAULT("recover_done");
		if (done_.size() >= limits::unsynced_actions)
			forget_done();
		return true;
	}

	/// Deletes the rows of done actions. This is allowed only after the results are on disk.
	void forget_done()
	{
		if (!done_.empty() && sync_roots(settings_))
		{
			ETL_FAULT("recover_synced");
			for (size_t begin = 0; begin < done_.size(); begin += limits::recovered_actions)
			{
				const pg::MemoryScope memory_scope;
				const AsCatalogOwner owner;
				const auto first = done_.begin() + static_cast<std::ptrdiff_t>(begin);
				const size_t count =
					std::min<size_t>(limits::recovered_actions, done_.size() - begin);
				pg::execute(delete_file_actions_sql,
							{pg::param_array(std::vector<int64_t>(
								first, first + static_cast<std::ptrdiff_t>(count)))});
			}
		}
		done_.clear();
	}

  private:
	/// No loaded file leaves the raw directory or gets its final name before the archive has its
	/// mark.
	ActionResult carry_out_marked(const FileAction &action) const
	{
		if (no_mark_.empty() || action.kind == FileAction::Kind::replace)
			return carry_out(action, true);
		return {false, action.kind == FileAction::Kind::publish ? "" : no_mark_};
	}

	static std::string_view key_of(const int64_t &file_id)
	{
		return {reinterpret_cast<const char *>(&file_id), sizeof file_id};
	}

	const std::string &dataset_;
	const pg::Settings &settings_;
	Backlog *const backlog_;    ///< may be null
	const std::string no_mark_; ///< why the archive has no mark, in which case no file may be moved
	std::vector<int64_t> done_; ///< numbers of actions whose rows are still there
	int64_t last_;              ///< number of the last action that was looked at
	KeySet troubled_{[] { return std::make_unique<pg::TempFile>(); },
					 limits::troubled_file_memory}; ///< numbers of the files with a problem so far
};

} // namespace

int64_t
recover(const std::string &dataset, const pg::Settings &settings, Backlog *backlog)
{
	ETL_FAULT("recover");
	forget_grown(dataset);
	Recovery recovery(dataset, settings, backlog);
	while (recovery.step())
		;
	recovery.forget_done();
	ETL_FAULT("recover_forgotten");
	settle_exports(dataset, settings);
	// The remaining parts belong to transactions that did not commit, because the dataset is
	// locked. When a backlog continues, not all waiting actions are known, and its first batch has
	// removed the parts.
	if (backlog == nullptr || !backlog->goes_on())
		remove_leftovers(part_folder(settings, dataset));
	return recovery.last();
}

} // namespace etl
