#include "publish/backlog.h"

#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/unlinked_file.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

const Backlog *in_hand = nullptr;

} // namespace

Backlog::Backlog(std::string dataset, int64_t after_run)
	: dataset_(std::move(dataset)), after_run_(after_run)
{
	begin_anew();
}

void
Backlog::begin_anew()
{
	place_ = {};
	last_action_ = INT64_MIN;
	// must outlive the transaction, which temporary files of PostgreSQL do not
	paths_ = std::make_unique<KeySet>(
		[dataset = dataset_]
		{
			return std::make_unique<ScratchFile>(
				part_name(part_folder(pg::Settings::current(), dataset), 0, "backlog"));
		},
		limits::backlog_memory);
}

void
Backlog::advance(Place place, int64_t last_action)
{
	place_ = std::move(place);
	last_action_ = last_action;
}

void
Backlog::add_unfinished(const std::vector<FileAction> &actions)
{
	for (const FileAction &action : actions)
	{
		paths_->add((action.moves_part() ? 'p' : 'r') + action.from);
		if (!action.to.empty())
			paths_->add('t' + action.to);
	}
}

bool
Backlog::takes(const std::string &path) const
{
	return paths_->contains('r' + path);
}

bool
Backlog::puts(const std::string &path) const
{
	return paths_->contains('t' + path);
}

GoesOnWith::GoesOnWith(const Backlog *backlog)
{
	in_hand = backlog;
}

GoesOnWith::~GoesOnWith()
{
	in_hand = nullptr;
}

bool
backlog_puts(const std::string &path)
{
	return in_hand != nullptr && in_hand->puts(path);
}

} // namespace etl
