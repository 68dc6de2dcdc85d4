#include "publish/pending_plan.h"

#include <cstring>

#include "core/files/file_identity.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/unlinked_file.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

std::string
taken_key(const std::string &path, const FileIdentity &identity)
{
	static_assert(std::has_unique_object_representations_v<FileIdentity>);
	std::string key = "r" + path + '\0';
	key.append(reinterpret_cast<const char *>(&identity), sizeof identity);
	return key;
}

} // namespace

void
PendingActions::add(const std::string &dataset, const std::vector<FileAction> &actions)
{
	if (actions.empty())
		return;
	if (!log_)
	{
		open_file_ = [dataset]
		{
			const std::string folder = part_folder(pg::Settings::current(), dataset);
			return std::make_unique<ScratchFile>(part_name(folder, 0, "plan"));
		};
		log_.emplace(open_file_, limits::action_log_memory);
	}
	const ActionLog::Position begin = log_->end();
	try
	{
		for (const FileAction &action : actions)
		{
			log_->add(action);
			has_unnumbered_ = has_unnumbered_ || action.file_id == 0;
			note(action);
		}
	}
	catch (...)
	{
		paths_.reset(); // the set may contain some of the actions
		throw;
	}
	parts_.push_back({begin, log_->end(), actions.size()});
	size_ += actions.size();
}

void
PendingActions::forget_last() noexcept
{
	size_ -= parts_.back().size;
	parts_.pop_back();
	paths_.reset();
}

void
PendingActions::note(const FileAction &action)
{
	if (!paths_)
		return;
	if (!action.to.empty())
		paths_->add('t' + action.to);
	paths_->add(action.moves_part() ? 'p' + action.from : taken_key(action.from, action.identity));
}

bool
PendingActions::concerns(const std::string &key)
{
	if (empty())
		return false;
	if (!paths_)
	{
		paths_.emplace(open_file_, limits::taken_path_memory);
		try
		{
			for_each([this](const FileAction &action) { note(action); });
		}
		catch (...)
		{
			paths_.reset(); // the set does not contain all actions
			throw;
		}
	}
	return paths_->contains(key);
}

bool
PendingActions::takes(const std::string &path, const FileIdentity &identity)
{
	return concerns(taken_key(path, identity));
}

} // namespace etl
