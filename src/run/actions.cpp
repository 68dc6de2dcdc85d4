#include "run/actions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>

#include <unistd.h>

#include "core/beneath.h"
#include "core/signals_blocked.h"
#include "run/fault.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

namespace
{

/// A step of the current transaction's plan.
struct Planned
{
	SubTransactionId subtransaction;
	FileAction action;
	int64_t action_id;
};

/// A file to remove when the (sub)transaction rolls back.
struct Removal
{
	SubTransactionId subtransaction;
	std::string path;
};

/// Of the current transaction. Never changed by threads.
std::deque<Planned> planned; // addresses stay when it grows
std::vector<Removal> removals;

/// Of the datasets that were recovered: what could not be done yet.
std::vector<FileAction> unfinished;

/// Actions that are not carried out yet, by path: unfinished ones, then those of this transaction.
struct Index
{
	using Map =
		std::unordered_map<std::string_view, const FileAction *>; // the actions' own strings
	Map from, to;
	void add(const FileAction &a)
	{
		put(from, a.from, a);
		if (!a.to.empty())
			put(to, a.to, a);
	}

  private:
	/// The latest counts. (Its string too: an earlier action may go while it stays.)
	static void put(Map &map, const std::string &path, const FileAction &action)
	{
		map.erase(path);
		map.emplace(path, &action);
	}
};
std::optional<Index> cached_index;

const Index &
action_index()
{
	if (!cached_index)
	{
		cached_index.emplace();
		for (const FileAction &a : unfinished)
			cached_index->add(a);
		for (const Planned &p : planned)
			cached_index->add(p.action);
	}
	return *cached_index;
}

const char *
kind_name(FileAction::Kind kind)
{
	return kind == FileAction::Kind::publish   ? "publish"
		   : kind == FileAction::Kind::archive ? "archive"
		   : kind == FileAction::Kind::replace ? "replace"
											   : "remove";
}

/// Carries out every share-th file's actions, beginning with that file; those of one file stay in
/// order.
void
carry_out_share(size_t first, size_t share) noexcept
{
	ActionQueue queue;
	const auto attempt = [](const auto &step)
	{
		try
		{
			step();
		}
		catch (...)
		{
			// out of memory, say: etl.file_action has it, and the next run does it
		}
	};
	for (const Planned &p : planned)
		if (static_cast<size_t>(p.action.file_id) % share == first)
			attempt(
				[&]
				{
					ETL_FAULT("action");
					queue.carry_out(p.action);
					ETL_FAULT("action_done");
				});
	attempt([&] { queue.flush(); });
}

/// How many threads carry the actions out. A rename is some dozen system calls, any of which may
/// wait for the file system's journal.
size_t
action_threads()
{
#ifdef ETL_FAULTS
	return 1; // the N-th time that a point is passed must be the same each time
#else
	constexpr size_t most = 4, worth_a_thread = 32;
	// staged files that are not in the catalog have no number of their own
	if (std::any_of(planned.begin(), planned.end(),
					[](const Planned &p) { return p.action.file_id == 0; }))
		return 1;
	return std::clamp<size_t>(planned.size() / worth_a_thread, 1, most);
#endif
}

void
carry_out_planned() noexcept
{
	const size_t share = action_threads();
	std::vector<std::thread> threads;
	const SignalsBlocked signals_blocked; // they are the main thread's
	size_t mine = 1;                      // the shares from 0 on that no thread has
	try
	{
		threads.reserve(share);
		for (size_t i = share; i-- > 1;)
		{
			mine = i + 1;
			threads.emplace_back([i, share] { carry_out_share(i, share); });
		}
		mine = 1;
	}
	catch (...)
	{
		// no thread to be had: this one does the rest
	}
	for (size_t i = 0; i < mine; ++i)
		carry_out_share(i, share);
	for (std::thread &thread : threads)
		thread.join();
}

/// Whether the action's source is a file that the run has written, and not one that was delivered.
bool
is_part(const FileAction &action)
{
	return action.kind == FileAction::Kind::publish || action.kind == FileAction::Kind::replace;
}

void
remove_part(const FileAction &action) noexcept
{
	if (is_part(action))
		beneath::unlink(action.from);
}

void
forget_all() noexcept
{
	cached_index.reset();
	planned.clear();
	removals.clear();
	unfinished.clear();
}

void
at_transaction_end(XactEvent event, void *)
{
	if (event == XACT_EVENT_COMMIT)
	{
		// committed, and the dataset still locked: nothing here may fail. What can't be done now is
		// done by the next run.
		carry_out_planned();
		forget_all();
	}
	else if (event == XACT_EVENT_ABORT)
	{
		for (const Removal &r : removals)
			beneath::unlink(r.path);
		for (const Planned &p : planned)
			remove_part(p.action);
		forget_all();
	}
	else if (event == XACT_EVENT_PRE_PREPARE && (!planned.empty() || !removals.empty()))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has run a dataset")));
}

/// What the innermost subtransaction has planned stands at the end: an outer one plans nothing
/// while it lasts.
void
at_subtransaction_end(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (auto p = planned.rbegin(); p != planned.rend() && p->subtransaction == id; ++p)
			p->subtransaction = parent;
		for (auto r = removals.rbegin(); r != removals.rend() && r->subtransaction == id; ++r)
			r->subtransaction = parent;
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (!planned.empty() && planned.back().subtransaction == id)
			cached_index.reset();
		for (; !planned.empty() && planned.back().subtransaction == id; planned.pop_back())
			remove_part(planned.back().action);
		for (; !removals.empty() && removals.back().subtransaction == id; removals.pop_back())
			beneath::unlink(removals.back().path);
	}
}

void
insert_some(const std::string &dataset, std::span<const FileAction> actions,
			std::span<const int64_t> ids)
{
	std::vector<int64_t> file_ids, sizes, inodes, times;
	std::vector<std::string_view> kinds, froms, tos, hashes;
	for (const FileAction &a : actions)
	{
		file_ids.push_back(a.file_id);
		kinds.push_back(kind_name(a.kind));
		froms.push_back(a.from);
		tos.push_back(a.to);
		hashes.push_back({reinterpret_cast<const char *>(a.sha256.data()), a.sha256.size()});
		sizes.push_back(static_cast<int64_t>(a.identity.size));
		inodes.push_back(static_cast<int64_t>(a.identity.inode));
		times.push_back(a.identity.modified_ns);
	}
	const std::vector<int64_t> action_ids(
		ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(actions.size()));
	pg::execute("INSERT INTO etl.file_action (dataset, action_id, file_id, action, from_path,"
				" to_path, sha256, size_bytes, inode, modified_ns)"
				" SELECT $1, a.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[],"
				" $6::text[], $7::bytea[], $8::bigint[], $9::bigint[], $10::bigint[]) a",
				{pg::param(dataset), pg::param_array(action_ids), pg::param_array(file_ids),
				 pg::param_array(kinds), pg::param_array(froms), pg::param_array(tos),
				 pg::param_array(17 /* bytea */, hashes), pg::param_array(sizes),
				 pg::param_array(inodes), pg::param_array(times)});
}

/// Inserts the rows and returns their numbers, in the order of the actions.
std::vector<int64_t>
insert_actions(const std::string &dataset, const std::vector<FileAction> &actions)
{
	// many at a time, but not all: the server holds a statement's rows several times over
	constexpr size_t at_once = 1000;
	const std::vector<int64_t> ids = allocate_ids("etl.file_action_action_id_seq", actions.size());
	// a file that could not be published yet and is replaced now must not come back later
	for (size_t begin = 0; begin < actions.size(); begin += at_once)
	{
		std::vector<std::string_view> tos;
		for (size_t i = begin; i < std::min(begin + at_once, actions.size()); ++i)
			tos.push_back(actions[i].to);
		pg::execute("DELETE FROM etl.file_action WHERE action = 'publish' AND to_path = ANY ($1)",
					{pg::param_array(tos)});
	}
	for (size_t begin = 0; begin < actions.size(); begin += at_once)
		insert_some(dataset,
					std::span(actions).subspan(begin, std::min(at_once, actions.size() - begin)),
					std::span(ids).subspan(begin));
	return ids;
}

/// What a planned action will rename is known from it: its name need not be held twice.
void
forget_planned_removals(SubTransactionId id)
{
	const Index &index = action_index();
	std::erase_if(removals,
				  [&](const Removal &r)
				  {
					  const auto found = index.from.find(r.path);
					  return r.subtransaction == id && found != index.from.end() &&
							 is_part(*found->second);
				  });
}

/// After the commit the finished files must be there, whatever happens to the machine.
void
sync_parts(const std::vector<FileAction> &actions)
{
	std::set<std::string> folders;
	for (const FileAction &a : actions)
		if (is_part(a))
			folders.insert(a.from.substr(0, a.from.rfind('/')));
	for (const std::string &folder : folders)
		if (!sync_folder(folder))
			throw pg::Error("58030",
							"could not fsync folder \"" + folder + "\": " + std::strerror(errno));
}

} // namespace

void
register_action_callbacks()
{
	RegisterXactCallback(at_transaction_end, nullptr);
	RegisterSubXactCallback(at_subtransaction_end, nullptr);
}

void
remove_on_rollback(const std::string &path)
{
	removals.push_back({GetCurrentSubTransactionId(), path});
}

void
plan_actions(const std::string &dataset, std::vector<FileAction> actions)
{
	if (actions.empty())
		return;
	ETL_FAULT("plan");
	sync_parts(actions);
	ETL_FAULT("plan_synced");
	const std::vector<int64_t> ids = insert_actions(dataset, actions);
	// with synchronous_commit off a crash could take back a commit whose files have moved already
	pg::call([] { ForceSyncCommit(); });
	const SubTransactionId id = GetCurrentSubTransactionId();
	for (size_t i = 0; i < actions.size(); ++i)
	{
		planned.push_back({id, std::move(actions[i]), ids[i]});
		if (cached_index)
			cached_index->add(planned.back().action);
	}
	forget_planned_removals(id);
	ETL_FAULT("planned");
}

std::vector<int64_t>
planned_action_ids()
{
	std::vector<int64_t> ids;
	for (const Planned &p : planned)
		ids.push_back(p.action_id);
	return ids;
}

std::set<std::string>
pending_parts()
{
	std::set<std::string> parts;
	for (const Planned &p : planned)
		parts.insert(p.action.from);
	for (const Removal &r : removals)
		parts.insert(r.path);
	return parts;
}

void
set_unfinished(std::vector<FileAction> actions)
{
	// an erasure recovers every dataset before it looks for files
	cached_index.reset();
	for (FileAction &a : actions)
	{
		std::erase_if(unfinished, [&](const FileAction &known)
					  { return known.from == a.from && known.to == a.to; });
		unfinished.push_back(std::move(a));
	}
}

std::string
pending_source(const std::string &path)
{
	const Index &index = action_index();
	const auto found = index.to.find(path);
	if (found == index.to.end())
		return path;
	const FileAction &action = *found->second;
	if (action.kind == FileAction::Kind::archive && !file_exists(action.from))
		return held_name(action);
	return action.from;
}

std::unordered_map<std::string, std::string>
pending_sources()
{
	std::unordered_map<std::string, std::string> sources;
	for (const auto &[to, action] : action_index().to)
	{
		std::string path(to);
		std::string source = pending_source(path);
		sources.emplace(std::move(path), std::move(source));
	}
	return sources;
}

std::unordered_set<std::string>
pending_files()
{
	std::unordered_set<std::string> files;
	for (const Planned &p : planned)
		files.insert(p.action.from);
	return files;
}

bool
destination_taken(const std::string &path)
{
	return action_index().to.count(path) > 0;
}

bool
waits_for_archive(const std::string &path)
{
	return std::any_of(unfinished.begin(), unfinished.end(),
					   [&](const FileAction &a)
					   { return a.kind == FileAction::Kind::archive && a.to == path; });
}

bool
is_taken_up(const std::string &path, const FileIdentity &identity)
{
	const Index &index = action_index();
	const auto found = index.from.find(path);
	return found != index.from.end() && found->second->identity == identity;
}

std::string
part_folder(const pg::Settings &settings, const std::string &dataset)
{
	const std::string folder =
		settings.processed_dir + "/.pg_etl/" + std::to_string(MyDatabaseId) + "/" + dataset;
	bool created = false;
	if (!make_parents(folder + "/", &created) || (created && !sync_parents(folder)))
		throw pg::Error("58030",
						"could not create folder \"" + folder + "\": " + std::strerror(errno));
	return folder;
}

std::string
part_name(const std::string &folder, int64_t file_id, const char *kind)
{
	static uint64_t count = 0;
	return folder + "/" + std::to_string(file_id) + "." + kind + "." + std::to_string(getpid()) +
		   "." + std::to_string(++count) + ".part";
}

} // namespace etl
