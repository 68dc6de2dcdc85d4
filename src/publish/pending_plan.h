// File actions that are not carried out yet, and the paths that they concern.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/key_set.h"
#include "core/files/action_log.h"
#include "core/files/file_identity.h"

namespace etl
{

/// Any number of actions in limited memory. The actions are in a log. A set of hashes answers
/// whether an action concerns a path; to find the action itself, the log must be read. Functions
/// that may write or read a file throw if this fails.
class PendingActions
{
  public:
	bool empty() const { return parts_.empty(); }
	/// The number of calls of add() that were not undone by forget_last().
	size_t parts() const { return parts_.size(); }
	/// Adds actions. The log and the set may create files in the part directory of `dataset`.
	void add(const std::string &dataset, const std::vector<FileAction> &actions);
	/// Removes what the last add() has added.
	void forget_last() noexcept;

	/// Whether an action will put a file at this path.
	bool puts(const std::string &path) { return concerns('t' + path); }
	/// Whether an action will take this raw file away.
	bool takes(const std::string &path, const FileIdentity &identity);
	/// Whether an action will give this finished file its final name.
	bool publishes(const std::string &part) { return concerns('p' + part); }

	/// Calls visit(action) for the actions for which wanted(file_id) is true, in their order.
	/// Several threads may call it at the same time.
	template <typename Wanted, typename Visit>
	void for_each(Wanted &&wanted, Visit &&visit, size_t first_part = 0) const
	{
		FileAction action;
		for (size_t i = first_part; i < parts_.size(); ++i)
		{
			ActionLog::Cursor cursor(*log_, parts_[i].begin, parts_[i].end);
			while (cursor.next(action, wanted))
				visit(action);
		}
	}
	template <typename Visit>
	void for_each(Visit &&visit, size_t first_part = 0) const
	{
		for_each([](int64_t) { return true; }, visit, first_part);
	}

	/// Whether there is or was an action for a file that has no file_id.
	bool has_unnumbered() const { return has_unnumbered_; }
	uint64_t size() const { return size_; }

  private:
	/// The actions of one call of add().
	struct Part
	{
		ActionLog::Position begin, end;
		uint64_t size;
	};

	void note(const FileAction &action);
	bool concerns(const std::string &key);

	std::optional<ActionLog> log_;
	std::vector<Part> parts_;
	uint64_t size_ = 0;
	bool has_unnumbered_ = false;
	OpenSpillFile open_file_;
	/// paths with a letter for the kind of action; empty: made when needed
	std::optional<KeySet> paths_;
};

} // namespace etl
