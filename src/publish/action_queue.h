// Carrying out the actions of a transaction that has committed, many at a time.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "core/files/file_action.h"

namespace etl
{

/// Carries out actions in their order, those that publish to another file system many at a time:
/// one sync of a folder serves all that go there.
class ActionQueue
{
  public:
	/// Not thorough.
	void carry_out(FileAction action);
	/// Does what is left.
	void flush();

  private:
	std::vector<FileAction> group_;
	std::unordered_set<std::string> places_; ///< where they go
};

} // namespace etl
