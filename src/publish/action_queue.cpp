#include "publish/action_queue.h"

#include <chrono>
#include <utility>

#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "core/files/group_sync.h"
#include "pg/fault.h"
#include "pg/limits.h"
#include "publish/carry_out.h"

namespace etl
{

namespace
{

/// All copies of a group are on disk before any gets its final name, and all names are on disk
/// before any original is removed. publish() does the same with a single file.
void
publish_group(const std::vector<FileAction> &group)
{
	// not vector<bool>, because several threads write to it
	std::vector<char> copied(group.size(), 1);
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

} // namespace

void
ActionQueue::carry_out(FileAction action)
{
	const bool publishes = action.kind == FileAction::Kind::publish;
	// the transaction that archives a file may also rewrite it, even twice
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
	if (group_.size() == limits::published_together)
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
			// carry out the actions one by one instead
		}
	for (const FileAction &action : group)
		// does nothing for actions that the group has completed
		(void)etl::carry_out(action, false);
}

} // namespace etl
