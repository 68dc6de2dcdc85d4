// One step of a plan: publish, archive or remove a file, so that it can be done again after a crash
// at any moment of it.
#pragma once

#include <string>

#include "core/files/file_action.h"

namespace etl
{

/// What became of an action.
struct ActionResult
{
	bool done = true;    ///< or there is nothing left to do; false: try again later
	std::string problem; ///< what to tell in etl.file.error; empty: none
	/// Not done, because the raw file holds more than was loaded of it: the rest is to be loaded.
	bool has_grown = false;
	/// Done, as far as can be known: somebody may still be writing the archived file.
	bool watch = false;
};

/// Carries an action out; doing it again does nothing. thorough: a raw file that is not the one
/// that was read is taken for it when its contents are the same.
ActionResult carry_out(const FileAction &action, bool thorough);

/// The error that would keep an action from being carried out, as far as that can be known before:
/// directories that may not be written, a raw file that is replaced and that somebody is writing.
/// 0: none.
int obstacle(const FileAction &action);
std::string obstacle_message(int error);

/// Where a copy from another file system is made.
std::string part_beside(const FileAction &action);

/// The name under which a raw file stands while it is copied to another file system or removed.
std::string held_name(const FileAction &action);

} // namespace etl
