// Carries out the actions of a committed transaction, many at the same time.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "core/files/file_action.h"

namespace etl
{

/// Carries out actions in their order. Actions that publish to another file system are done in
/// groups, because one sync of a directory serves all files in it.
class ActionQueue
{
  public:
	/// Carries out the action, now or in a later call. Not thorough, as defined in carry_out.h.
	void carry_out(FileAction action);
	/// Carries out the actions that remain.
	void flush();

  private:
	std::vector<FileAction> group_;
	std::unordered_set<std::string> places_; ///< destinations of the actions in group_
};

} // namespace etl
