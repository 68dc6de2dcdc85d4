#include "publish/plan.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>
#include <span>
#include <unordered_set>

#include <unistd.h>

#include "catalog/sequence.h"
#include "core/base/sqlstate.h"
#include "core/base/worker_threads.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "pg/callback.h"
#include "pg/catalog_owner.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/unlinked_file.h"
#include "publish/action_queue.h"
#include "publish/archive_mark.h"
#include "publish/backlog.h"
#include "publish/pending_plan.h"

extern "C"
{
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

/// The actions of one call of plan_actions(), one Plan for each part of `planned`.
struct Plan
{
	SubTransactionId subtransaction;
	std::string dataset;
	int64_t first_action_id;
};

/// A file to remove when the (sub)transaction rolls back, or when the transaction ends.
struct Removal
{
	SubTransactionId subtransaction;
	std::string path;
	bool at_commit = false;
};

/// The plan of the current transaction. Threads do not change it.
PendingActions planned;
std::vector<Plan> plans;
std::vector<Removal> removals;

/// Actions that recover() could not do, of all datasets that were recovered.
PendingActions unfinished;
/// The file_id of raw files in `unfinished` for which this transaction has another action.
std::set<int64_t> superseded;

/// The number of the last part of this backend, and of the last one before the current transaction.
uint64_t part_count = 0, parts_before = 0;

/// Numbering begins with the time in microseconds, so that the numbers are higher than those of
/// parts that an earlier process with the same pid has left.
void
begin_part_count()
{
	static pid_t counted_by = 0;
	if (counted_by == getpid())
		return;
	counted_by = getpid();
	part_count = parts_before = static_cast<uint64_t>(GetCurrentTimestamp());
}

/// Carries out the actions of the files with file_id % share == first. The actions of one file stay
/// in order.
void
carry_out_share(size_t first, size_t share) noexcept
{
	const beneath::KeepOpen keep_roots(beneath::Folders::roots);
	ActionQueue queue;
	const auto mine = [=](int64_t file_id)
	{ return static_cast<size_t>(file_id) % share == first; };
	const auto attempt = [](const auto &step)
	{
		try
		{
			step();
		}
		catch (...)
		{
			// e.g. out of memory: the row stays in etl.file_action, and the next run does the
			// action
		}
	};
	attempt(
		[&]
		{
			planned.for_each(mine,
							 [&](const FileAction &action)
							 {
								 attempt(
									 [&]
									 {
										 ETL_FAULT("action");
										 queue.carry_out(action);
										 ETL_FAULT("action_done");
									 });
							 });
		});
	attempt([&] { queue.flush(); });
}

/// The number of threads that carry out the actions. A rename needs about a dozen system calls,
/// each of which may wait for the file system's journal.
size_t
action_threads()
{
	if (limits::crash_test)
		return 1; // a fault point must be passed in the same order each time
	// staged files that are not in the catalog have no file_id
	return planned.has_unnumbered()
			   ? 1
			   : std::clamp<uint64_t>(planned.size() / limits::actions_of_a_thread, 1,
									  limits::action_threads);
}

void
carry_out_planned() noexcept
{
	const size_t share = action_threads();
	WorkerThreads threads;
	size_t started = 0;
	try
	{
		started = threads.start(share - 1, [share](size_t i) { carry_out_share(i, share); });
	}
	catch (...)
	{
		// without further threads, this thread does all actions
	}
	for (size_t i = started; i < share; ++i)
		carry_out_share(i, share);
	threads.join();
}

/// Removes the files that were written for parts of the plan. Files that cannot be removed are
/// removed by the next run.
void
remove_parts(size_t first_part = 0) noexcept
{
	try
	{
		planned.for_each(
			[](const FileAction &action)
			{
				if (action.moves_part())
					beneath::unlink(action.from);
			},
			first_part);
	}
	catch (...)
	{
	}
}

void
forget_all() noexcept
{
	planned = PendingActions();
	plans.clear();
	removals.clear();
	unfinished = PendingActions();
	superseded.clear();
	forget_planned_marks();
	parts_before = part_count;
}

void
at_transaction_end(XactEvent event, void *)
{
	if (event == XACT_EVENT_COMMIT)
	{
		// The transaction is committed and the dataset still locked, so nothing here may fail. The
		// next run does what cannot be done now. No file goes to the archive before the mark is
		// there.
		if (write_planned_marks() && !planned.empty())
			carry_out_planned();
		for (const Removal &r : removals)
			if (r.at_commit)
			{
				ETL_FAULT("export_committed");
				beneath::unlink(r.path);
			}
		forget_all();
	}
	else if (event == XACT_EVENT_ABORT)
	{
		// the latest file first, so that the note of a file is removed after the file
		for (auto r = removals.rbegin(); r != removals.rend(); ++r)
			beneath::unlink(r->path);
		remove_parts();
		forget_all();
	}
	else if (event == XACT_EVENT_PRE_PREPARE && (!planned.empty() || !removals.empty()))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has run a dataset")));
}

/// The entries of the innermost subtransaction are at the end, because an outer one plans nothing
/// while it exists.
void
at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (auto p = plans.rbegin(); p != plans.rend() && p->subtransaction == id; ++p)
			p->subtransaction = parent;
		for (auto r = removals.rbegin(); r != removals.rend() && r->subtransaction == id; ++r)
			r->subtransaction = parent;
		keep_planned_marks(id, parent);
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		size_t kept = plans.size();
		while (kept > 0 && plans[kept - 1].subtransaction == id)
			--kept;
		remove_parts(kept);
		for (; plans.size() > kept; plans.pop_back())
			planned.forget_last();
		for (; !removals.empty() && removals.back().subtransaction == id; removals.pop_back())
			beneath::unlink(removals.back().path);
		drop_planned_marks(id);
	}
}

constexpr char insert_file_actions_sql[] = R"(
INSERT INTO etl.file_action (dataset, action_id, file_id, action, from_path, to_path, sha256,
                             size_bytes, inode, modified_ns)
SELECT $1, a.*
  FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[],
              $8::bigint[], $9::bigint[], $10::bigint[]) a)";

void
insert_some(const std::string &dataset, std::span<const FileAction> actions,
			std::span<const int64_t> ids)
{
	std::vector<int64_t> file_ids, sizes, inodes, times;
	std::vector<std::string_view> kinds, froms, tos, hashes;
	for (const FileAction &a : actions)
	{
		file_ids.push_back(a.file_id);
		kinds.push_back(FileAction::name_of(a.kind));
		froms.push_back(a.from);
		tos.push_back(a.to);
		hashes.push_back({reinterpret_cast<const char *>(a.sha256.data()), a.sha256.size()});
		sizes.push_back(static_cast<int64_t>(a.identity.size));
		inodes.push_back(static_cast<int64_t>(a.identity.inode));
		times.push_back(a.identity.modified_ns);
	}
	const std::vector<int64_t> action_ids(
		ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(actions.size()));
	pg::execute(insert_file_actions_sql,
				{pg::param(dataset), pg::param_array(action_ids), pg::param_array(file_ids),
				 pg::param_array(kinds), pg::param_array(froms), pg::param_array(tos),
				 pg::param_array(BYTEAOID, hashes), pg::param_array(sizes), pg::param_array(inodes),
				 pg::param_array(times)});
}

constexpr char replace_published_files_sql[] = R"(
WITH gone AS (DELETE FROM etl.file_action a USING unnest($1::text[], $2::text[]) n(path, part)
               WHERE a.action = 'publish' AND a.to_path = n.path RETURNING a.from_path, n.part)
-- a raw file waits for its latest copy
UPDATE etl.file_action a SET to_path = gone.part FROM gone
 WHERE a.action = 'remove' AND a.to_path = gone.from_path)";

constexpr char replace_archived_files_sql[] = R"(
WITH gone AS (DELETE FROM etl.file_action a USING unnest($1::text[], $2::text[]) n(path, part)
               WHERE a.action = 'archive' AND a.to_path = n.path RETURNING a.*, n.part)
INSERT INTO etl.file_action (dataset, file_id, action, from_path, to_path, sha256, size_bytes,
                             inode, modified_ns)
SELECT dataset, file_id, 'remove', from_path, part, sha256, size_bytes, inode, modified_ns
  FROM gone ORDER BY action_id)";

/// Inserts the rows, numbered in the order of the actions, and returns the first number.
int64_t
insert_actions(const std::string &dataset, const std::vector<FileAction> &actions)
{
	const AsCatalogOwner owner;
	const std::vector<int64_t> ids = allocate_ids("etl.file_action_action_id_seq", actions.size());
	// an unfinished action must not later publish a file that is replaced now
	std::vector<std::string_view> replaced, parts;
	for (const FileAction &a : actions)
		if (a.kind != FileAction::Kind::remove && !a.to.empty() && destination_taken(a.to))
		{
			replaced.push_back(a.to);
			parts.push_back(a.from);
		}
	if (!replaced.empty())
		pg::execute(replace_published_files_sql,
					{pg::param_array(replaced), pg::param_array(parts)});
	for (size_t begin = 0; begin < actions.size(); begin += limits::inserted_actions)
		insert_some(dataset,
					std::span(actions).subspan(
						begin, std::min(limits::inserted_actions, actions.size() - begin)),
					std::span(ids).subspan(begin));
	// The copy takes the place in the archive, whether or not the raw file could be moved there
	// before. A raw file that still waits is removed and not archived.
	if (!replaced.empty())
		pg::execute(replace_archived_files_sql,
					{pg::param_array(replaced), pg::param_array(parts)});
	return ids.front();
}

/// An action that renames a file also removes it on rollback, so the removal is not needed any
/// more.
void
forget_planned_removals(const std::vector<FileAction> &actions)
{
	std::unordered_set<std::string_view> parts;
	for (const FileAction &a : actions)
		if (a.moves_part())
			parts.insert(a.from);
	std::erase_if(removals, [&](const Removal &r) { return parts.count(r.path) > 0; });
}

/// After the commit the finished files must exist, even if the machine crashes.
void
sync_parts(const std::vector<FileAction> &actions)
{
	std::set<std::string> folders;
	for (const FileAction &a : actions)
		if (a.moves_part())
			folders.insert(a.from.substr(0, a.from.rfind('/')));
	for (const std::string &folder : folders)
		if (!sync_folder(folder))
			throw pg::Error(sqlstate_of_errno(errno), "could not fsync directory \"" + folder +
														  "\": " + std::strerror(errno));
}

/// Whether the action takes a loaded file out of the raw directory: to the archive, or because its
/// treated copy is there.
bool
takes_raw_file(const FileAction &action, const pg::Settings &settings)
{
	return (action.kind == FileAction::Kind::archive || action.kind == FileAction::Kind::remove) &&
		   action.from.compare(0, beneath::root_length(action.from), settings.raw_dir) == 0;
}

/// Whether part_name() has made the path in this process and after parts_before.
bool
is_own_part(const std::string &path)
{
	std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
	const auto take_field = [&name]
	{
		const std::string_view field = name.substr(0, name.find('.'));
		name.remove_prefix(std::min(field.size() + 1, name.size()));
		return field;
	};
	take_field(); // file_id
	take_field(); // kind
	const std::string_view pid = take_field(), count = take_field();
	begin_part_count();
	uint64_t number = 0;
	const auto read = std::from_chars(count.data(), count.data() + count.size(), number);
	return pid == std::to_string(getpid()) && read.ec == std::errc() && number > parts_before;
}

} // namespace

void
register_action_callbacks()
{
	RegisterXactCallback(pg::callback<at_transaction_end>, nullptr);
	RegisterSubXactCallback(pg::callback<at_subtransaction_end>, nullptr);
}

void
remove_on_rollback(const std::string &path)
{
	removals.push_back({GetCurrentSubTransactionId(), path});
}

void
remove_at_end(const std::string &path)
{
	removals.push_back({GetCurrentSubTransactionId(), path, true});
}

size_t
planned_removals()
{
	return removals.size();
}

void
forget_removals_after(size_t count)
{
	if (removals.size() > count)
		removals.erase(removals.begin() + static_cast<std::ptrdiff_t>(count), removals.end());
}

void
plan_actions(const std::string &dataset, std::vector<FileAction> actions)
{
	if (actions.empty())
		return;
	ETL_FAULT("plan");
	sync_parts(actions);
	ETL_FAULT("plan_synced");
	const pg::Settings settings = pg::Settings::current();
	if (std::any_of(actions.begin(), actions.end(),
					[&](const FileAction &a) { return takes_raw_file(a, settings); }))
		advance_archive_mark(dataset, settings);
	const int64_t first_id = insert_actions(dataset, actions);
	// with synchronous_commit off, a crash could undo a commit whose files were moved already
	pg::call([] { ForceSyncCommit(); });
	plans.push_back({GetCurrentSubTransactionId(), dataset, first_id});
	try
	{
		planned.add(dataset, actions);
	}
	catch (...)
	{
		plans.pop_back();
		throw;
	}
	forget_planned_removals(actions);
	ETL_FAULT("planned");
}

int64_t
first_planned_action(const std::string &dataset)
{
	const auto first = std::find_if(plans.begin(), plans.end(),
									[&](const Plan &p) { return p.dataset == dataset; });
	return first == plans.end() ? INT64_MAX : first->first_action_id;
}

bool
is_written_now(const char *name)
{
	const char *kind = std::strchr(name, '.');
	const char *pid = kind == nullptr ? nullptr : std::strchr(kind + 1, '.');
	const int number = pid == nullptr ? 0 : std::atoi(pid + 1);
	return number > 0 && number != MyProcPid &&
		   pg::call([=] { return BackendPidGetProc(number) != nullptr; });
}

bool
is_pending_part(const std::string &path)
{
	return is_own_part(path) || unfinished.publishes(path);
}

void
supersede_unfinished(int64_t file_id)
{
	superseded.insert(file_id);
}

void
add_unfinished(const std::string &dataset, const std::vector<FileAction> &actions)
{
	for (const FileAction &a : actions)
		superseded.erase(a.file_id); // a new run has begun
	// both an erasure, which recovers every dataset first, and a run before it may add the same
	// action
	std::vector<FileAction> unknown;
	for (const FileAction &a : actions)
		if (!(a.moves_part() ? unfinished.publishes(a.from) : unfinished.takes(a.from, a.identity)))
			unknown.push_back(a);
	unfinished.add(dataset, unknown);
}

namespace
{

/// Where the raw file of an archive action is. If the archive could not be read since, the file may
/// have been archived already, and the file with its name is another delivery.
std::string
source_of(const FileAction &action)
{
	const std::string aside = set_aside_name(action);
	if (look_for(aside) == Presence::there)
		return aside;
	FileIdentity now;
	const Presence raw = look_for(action.from, now);
	const bool is_it = now == action.identity || action.identity.inode == 0;
	return raw == Presence::unknown || (raw == Presence::there && is_it) ? action.from : action.to;
}

} // namespace

std::unordered_map<std::string, std::string>
pending_sources(const std::vector<std::string> &paths)
{
	std::unordered_map<std::string, std::string> sources;
	for (const std::string &path : paths)
		if (destination_taken(path))
			sources.emplace(path, path);
	if (sources.empty())
		return sources;
	// the latest action counts
	for (const PendingActions *actions : {&unfinished, &planned})
		actions->for_each(
			[&](const FileAction &action)
			{
				const auto found = sources.find(action.to);
				if (found == sources.end())
					return;
				found->second =
					action.kind == FileAction::Kind::archive ? source_of(action) : action.from;
			});
	return sources;
}

bool
destination_taken(const std::string &path)
{
	return planned.puts(path) || unfinished.puts(path) || backlog_puts(path);
}

std::unordered_map<int64_t, WaitingRaw>
waiting_raw_files(const std::set<int64_t> &file_ids)
{
	std::unordered_map<int64_t, WaitingRaw> found;
	const auto wanted = [&](int64_t file_id) { return file_ids.count(file_id) > 0; };
	for (const bool tried : {true, false})
		(tried ? unfinished : planned)
			.for_each(wanted,
					  [&](const FileAction &action)
					  {
						  if (!action.moves_part() &&
							  !(tried && superseded.count(action.file_id) > 0))
							  found.insert_or_assign(action.file_id, WaitingRaw{action, tried});
					  });
	return found;
}

bool
is_taken_up(const std::string &path, const FileIdentity &identity)
{
	return planned.takes(path, identity) || unfinished.takes(path, identity);
}

bool
is_taken_up_now(const std::string &path, const FileIdentity &identity)
{
	return planned.takes(path, identity);
}

std::string
part_folder(const pg::Settings &settings, const std::string &dataset)
{
	const std::string folder =
		settings.processed_dir + "/.pg_etl/" + std::to_string(MyDatabaseId) + "/" + dataset;
	bool created = false;
	if (!make_parents(folder + "/", &created) || (created && !sync_parents(folder)))
		throw pg::Error(sqlstate_of_errno(errno),
						"could not create directory \"" + folder + "\": " + std::strerror(errno),
						"",
						"Let the server's user write to etl.processed_dir and what is below it.");
	return folder;
}

std::string
part_name(const std::string &folder, int64_t file_id, const char *kind)
{
	begin_part_count();
	return folder + "/" + std::to_string(file_id) + "." + kind + "." + std::to_string(getpid()) +
		   "." + std::to_string(++part_count) + ".part";
}

OpenSpillFile
spill_to(const std::string &folder)
{
	return [folder] { return std::make_unique<ScratchFile>(part_name(folder, 0, "spill")); };
}

} // namespace etl
