// The planned file actions of a transaction, in their order and in any number. Beyond some
// megabytes of memory the actions are in a file.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/base/spill_file.h"
#include "core/files/file_action.h"

namespace etl
{

class ActionLog
{
  public:
	/// A position between two actions.
	using Position = uint64_t;

	/// Actions beyond `memory` bytes go to a file that open_file makes.
	ActionLog(OpenSpillFile open_file, size_t memory)
		: open_file_(std::move(open_file)), memory_(memory)
	{
	}
	/// Throws what the file throws.
	void add(const FileAction &action);
	Position end() const { return spilled_ + buffer_.size(); }

	/// Reads the actions between two positions. Several threads may each have a cursor, while no
	/// action is added. Throws what the file throws.
	class Cursor
	{
	  public:
		Cursor(const ActionLog &log, Position begin, Position end)
			: log_(log), next_(begin), end_(end)
		{
		}
		/// Reads the next action for which wanted(file_id) is true. Returns false at the end.
		/// Actions that are not wanted are skipped at little cost.
		template <typename Wanted>
		bool next(FileAction &action, Wanted &&wanted)
		{
			while (begin_entry())
			{
				const bool is_wanted = wanted(file_id());
				if (is_wanted)
					read_entry(action);
				end_entry();
				if (is_wanted)
					return true;
			}
			return false;
		}
		bool next(FileAction &action)
		{
			return next(action, [](int64_t) { return true; });
		}

	  private:
		bool begin_entry();
		int64_t file_id() const;
		void read_entry(FileAction &action) const;
		void end_entry();
		/// Makes sure that `size` bytes of the entry are in the block.
		void need(size_t size);

		const ActionLog &log_;
		Position next_, end_;
		std::string block_;
		size_t at_ = 0; ///< position of the entry in the block
	};

  private:
	void read(Position at, char *to, size_t size) const;

	OpenSpillFile open_file_;
	size_t memory_;
	std::unique_ptr<SpillFile> file_; ///< the first spilled_ bytes
	uint64_t spilled_ = 0;
	std::string buffer_; ///< the bytes after those in the file
};

} // namespace etl
