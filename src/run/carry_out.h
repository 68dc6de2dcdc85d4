// One step of a plan: publish, archive or remove a file, so that it can be done again after a crash
// at any moment of it.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "core/file_action.h"

namespace etl
{

/// What became of an action.
struct ActionResult
{
	bool done = true;    ///< or there is nothing left to do; false: try again later
	std::string problem; ///< what to tell in etl.file.error; empty: none
};

/// Carries an action out; doing it again does nothing. thorough: a raw file that is not the one
/// that was read is taken for it when its contents are the same.
ActionResult carry_out(const FileAction &action, bool thorough);

/// The error that would keep an action from being carried out, as far as that can be known before:
/// directories that may not be written. 0: none.
int obstacle(const FileAction &action);

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

/// The name under which a raw file stands while it is copied to another file system or removed.
std::string held_name(const FileAction &action);

} // namespace etl
