// File actions that are not carried out yet, and which paths they concern.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/key_set.h"
#include "core/files/action_log.h"
#include "core/files/file_identity.h"

namespace etl
{

/// A bounded number of bytes for any number of actions: the actions are in a log, and whether one
/// concerns a path is answered by a set of hashes. Which one that is, is found by reading the log.
/// What may write or read a file throws where that can't be done.
class PendingActions
{
  public:
	bool empty() const { return parts_.empty(); }
	/// Number of times that something was added and is not forgotten.
	size_t parts() const { return parts_.size(); }
	/// dataset: whose part folder gets the files that the log and the set may need.
	void add(const std::string &dataset, const std::vector<FileAction> &actions);
	/// Forgets what was added last.
	void forget_last() noexcept;

	/// Whether one will put a file there.
	bool puts(const std::string &path) { return concerns('t' + path); }
	/// Whether one will take that raw file away.
	bool takes(const std::string &path, const FileIdentity &identity);
	/// Whether one will give that finished file its final name.
	bool publishes(const std::string &part) { return concerns('p' + part); }

	/// Calls visit(action) for those whose file is wanted(file_id), in their order. Several threads
	/// may do so at once.
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

	/// Of files that have no number in the catalog there is one, or has been.
	bool has_unnumbered() const { return has_unnumbered_; }
	uint64_t size() const { return size_; }

  private:
	/// What was added in one piece.
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
	std::optional<KeySet> paths_; ///< with a letter before each for what is to happen there; none:
								  ///< made from the log when it is asked for
};

} // namespace etl
