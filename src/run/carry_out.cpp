#include "run/carry_out.h"

#include <cerrno>
#include <system_error>

#include <unistd.h>

#include "core/beneath.h"
#include "core/file_error.h"
#include "core/file_move.h"
#include "core/group_sync.h"
#include "pg/server.h"
#include "run/fault.h"

extern "C"
{
#include "miscadmin.h"
}

namespace etl
{

namespace
{

ActionResult
not_done(const char *what)
{
	return {false, std::string(what) + ": " + std::generic_category().message(errno)};
}

std::string
folder_of(const std::string &path)
{
	return path.substr(0, path.rfind('/'));
}

/// Those above a file that is gone, but not the raw or archive folder itself.
void
remove_emptied_folders(const std::string &path)
{
	remove_empty_parents(path, path.substr(0, beneath::root_length(path)));
}

/// Where a copy from another file system is made.
std::string
part_beside(const FileAction &action)
{
	return folder_of(action.to) + "/.pg_etl." + std::to_string(action.file_id) + ".part";
}

/// SHA-256 of a file's bytes is as it should be.
bool
holds(const std::string &path, const Sha256 &sha256)
{
	try
	{
		FileReader reader(path, false, UINT64_MAX);
		std::vector<char> buffer(1 << 20);
		while (reader.read(buffer.data(), buffer.size()) > 0)
			;
		return reader.sha256() == sha256;
	}
	catch (const FileError &)
	{
		return false; // it changes, or can't be read: not known to be it
	}
}

ActionResult
publish(const FileAction &action)
{
	static const char *const failed = "processed file could not be published";
	if (!file_exists(action.from))
		return {}; // done already; where the file went then is its readers' affair
	if (!make_parents(action.to))
		return not_done(failed);
	ETL_FAULT("publish_rename");
	if (beneath::rename(action.from, action.to) == 0)
		return {};
	if (errno != EXDEV)
		return not_done(failed);
	// a rewritten raw file goes to the archive, which may be another file system
	const std::string part = part_beside(action);
	beneath::unlink(part);
	if (!copy_file(action.from, part, nullptr))
		return not_done(failed);
	ETL_FAULT("publish_copied");
	if (beneath::rename(part, action.to) != 0 || !sync_parents(action.to))
	{
		const ActionResult result = not_done(failed);
		beneath::unlink(part);
		return result;
	}
	ETL_FAULT("publish_unlink");
	beneath::unlink(action.from);
	return {};
}

/// The copies of a group are on the disk before any takes its name, and their names are before any
/// original goes: as publish() does it with one.
void
publish_group(const std::vector<FileAction> &group)
{
	std::vector<char> copied(group.size(), 1); // no bits: several threads write to it
	std::vector<std::string> renamed, originals;
	{
		GroupSync sync([&](size_t i, const FileError &) { copied[i] = 0; }, group.size());
		for (size_t i = 0; i < group.size(); ++i)
		{
			const std::string part = part_beside(group[i]);
			beneath::unlink(part);
			const int fd = copy_unsynced(group[i].from, part, nullptr);
			fd >= 0 ? sync.add(fd, i) : void(copied[i] = 0);
		}
		sync.flush();
		while (!sync.wait(std::chrono::milliseconds(1000)))
			;
	}
	ETL_FAULT("publish_copied");
	for (size_t i = 0; i < group.size(); ++i)
		if (copied[i] != 0 && beneath::rename(part_beside(group[i]), group[i].to) == 0)
		{
			renamed.push_back(group[i].to);
			originals.push_back(group[i].from);
		}
		else
			beneath::unlink(part_beside(group[i]));
	if (!sync_parents_of_all(renamed))
		return;
	ETL_FAULT("publish_unlink");
	for (const std::string &original : originals)
		beneath::unlink(original);
}

constexpr const char *not_archived = "raw file could not be archived";
constexpr const char *replaced =
	"raw file was replaced by another delivery before it could be archived";

/// Gives a raw file that turns out to be another delivery its name back.
ActionResult
give_back(const std::string &at, const std::string &name)
{
	if (rename_new(at, name))
		return {true, replaced};
	// a third delivery has it: nobody's bytes are thrown away
	return {false, "another delivery of the raw file was taken for it and waits at \"" + at + "\""};
}

/// Moves the raw file `from` under a hidden name beside it, where no delivery can replace it.
/// False with the result to return.
bool
hold(const FileAction &action, const FileIdentity &identity, const char *failed,
	 ActionResult &result)
{
	const std::string held = held_name(action);
	if (!rename_new(action.from, held))
	{
		result = not_done(failed);
		return false;
	}
	ETL_FAULT("raw_held");
	FileIdentity now;
	if (identify(held, now) && now == identity)
		return true;
	result = give_back(held, action.from);
	return false;
}

/// To another file system: copied and synced there before the original goes. `held`: the original
/// has its hidden name already.
ActionResult
archive_copy(const FileAction &action, const FileIdentity &identity, bool is_held)
{
	const std::string held = held_name(action);
	const std::string part = part_beside(action);
	beneath::unlink(part);
	if (!copy_file(is_held ? held : action.from, part, &identity))
		return errno == ESTALE ? ActionResult{true, replaced} : not_done(not_archived);
	ETL_FAULT("archive_copied");
	ActionResult result;
	if (!is_held && !hold(action, identity, not_archived, result))
	{
		beneath::unlink(part);
		return result;
	}
	if (!rename_new(part, action.to) || !sync_parents(action.to))
	{
		result = not_done(not_archived);
		beneath::unlink(part);
		(void)rename_new(held, action.from); // in sight again until the fault is gone
		return result;
	}
	ETL_FAULT("archive_unlink");
	if (beneath::unlink(held) != 0)
		return not_done(not_archived);
	return {};
}

ActionResult
archive(const FileAction &action, bool thorough)
{
	FileIdentity now;
	if (identify(held_name(action), now))
	{
		// a crash came between two steps of a copy
		if (action.identity.inode != 0 && !(now == action.identity))
			return give_back(held_name(action), action.from);
		if (!file_exists(action.to))
			return archive_copy(action, now, true);
		if (!holds(action.to, action.sha256))
			return {false, std::string(not_archived) + ": another file has its name"};
		return beneath::unlink(held_name(action)) == 0 ? ActionResult{} : not_done(not_archived);
	}
	const bool there = identify(action.from, now);
	if (!there || !(now == action.identity))
	{
		if (file_exists(action.to))
			return {}; // done; what has the name now is another delivery
		if (!there)
			return {true,
					"raw file was gone before it could be archived, and is not in the archive"};
		if (!thorough)
			return {false, replaced};
		// the same bytes copied back from a backup, say, are the file
		if (!holds(action.from, action.sha256))
			return {true, replaced};
	}
	if (!make_parents(action.to))
		return not_done(not_archived);
	ETL_FAULT("archive_rename");
	if (rename_new(action.from, action.to))
	{
		FileIdentity moved;
		if (identify(action.to, moved) && !(moved == now))
			return give_back(action.to, action.from);
		ETL_FAULT("archive_folders");
	}
	else if (errno != EXDEV)
		return not_done(not_archived);
	else if (const ActionResult result = archive_copy(action, now, false);
			 !result.done || !result.problem.empty())
		return result;
	remove_emptied_folders(action.from);
	return {};
}

ActionResult
remove(const FileAction &action)
{
	static const char *const failed = "raw file could not be removed";
	if (!action.to.empty() && file_exists(action.to))
		return {false, "raw file stays until its copy is in the archive"};
	const std::string held = held_name(action);
	FileIdentity now;
	if (!identify(held, now))
	{
		// removed already, or replaced by another delivery
		if (!identify(action.from, now) || !(now == action.identity))
			return {};
		ActionResult result;
		if (!hold(action, now, failed, result))
			return result;
	}
	else if (action.identity.inode != 0 && !(now == action.identity))
		return give_back(held, action.from);
	ETL_FAULT("remove_unlink");
	if (beneath::unlink(held) != 0)
		return not_done(failed);
	remove_emptied_folders(action.from);
	return {};
}

/// A raw file that names an erased person gets its treated copy. What another delivery has put in
/// its place stays: the next run knows whom to treat on their way in.
ActionResult
replace(const FileAction &action)
{
	static const char *const failed = "staged file could not be rewritten for an erasure";
	FileAction raw = action;
	raw.from = action.to;
	const std::string held = held_name(raw);
	FileIdentity now;
	const bool is_held = identify(held, now);
	if (!file_exists(action.from))
	{
		if (is_held)
			beneath::unlink(held); // the copy has its name
		return {};
	}
	if (!is_held)
	{
		if (!identify(action.to, now) ||
			(!(now == action.identity) && !holds(action.to, action.sha256)))
		{
			beneath::unlink(action.from);
			return {};
		}
		ActionResult result;
		if (!hold(raw, now, failed, result))
			return result;
	}
	ETL_FAULT("replace_held");
	const std::string part = part_beside(action);
	bool placed = rename_new(action.from, action.to);
	if (!placed && errno == EXDEV)
	{
		beneath::unlink(part);
		placed = copy_file(action.from, part, nullptr) && rename_new(part, action.to) &&
				 sync_parents(action.to);
	}
	if (!placed)
	{
		const ActionResult result = not_done(failed);
		beneath::unlink(part);
		(void)rename_new(held, action.to); // in sight again until the fault is gone
		return result;
	}
	ETL_FAULT("replace_placed");
	beneath::unlink(held);
	beneath::unlink(action.from);
	return {};
}

} // namespace

std::string
held_name(const FileAction &action)
{
	const std::string folder = folder_of(action.from);
	std::string name =
		folder + "/.pg_etl." + std::to_string(MyDatabaseId) + "." + std::to_string(action.file_id);
	// a file that is not in the catalog yet has no number of its own
	if (action.file_id == 0)
		name += "." + action.from.substr(folder.size() + 1);
	return name;
}

void
ActionQueue::carry_out(FileAction action)
{
	constexpr size_t group_size = 1024;
	const bool publishes = action.kind == FileAction::Kind::publish;
	// an archived file may be rewritten in the transaction that archives it, and twice
	if (!publishes || places_.count(action.to) > 0 || places_.count(part_beside(action)) > 0)
		flush();
	if (!publishes || !make_parents(action.to) || !on_other_file_system(action.from, action.to))
	{
		(void)etl::carry_out(action, false);
		return;
	}
	places_.insert(action.to);
	places_.insert(part_beside(action));
	group_.push_back(std::move(action));
	if (group_.size() == group_size)
		flush();
}

void
ActionQueue::flush()
{
	const std::vector<FileAction> group = std::move(group_);
	group_.clear();
	places_.clear();
	if (group.size() > 1)
		try
		{
			publish_group(group);
		}
		catch (const std::exception &)
		{
			// one by one, then
		}
	for (const FileAction &action : group)
		(void)etl::carry_out(action, false); // nothing is left to do for what the group has done
}

int
obstacle(const FileAction &action)
{
	// parts lie in a directory of our own
	if (!action.moves_part() && beneath::may_change(action.from) != 0)
		return errno;
	if (action.kind != FileAction::Kind::remove && beneath::may_change(action.to) != 0)
		return errno;
	return 0;
}

ActionResult
carry_out(const FileAction &action, bool thorough)
{
	const beneath::KeepOpen keep_parents(beneath::Folders::parents);
	switch (action.kind)
	{
	case FileAction::Kind::publish:
		return publish(action);
	case FileAction::Kind::archive:
		return archive(action, thorough);
	case FileAction::Kind::replace:
		return replace(action);
	case FileAction::Kind::remove:
		break;
	}
	return remove(action);
}

} // namespace etl
