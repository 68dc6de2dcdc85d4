// Carries out one action of a plan: publishes, archives or removes a file. After a crash at any
// moment it can be carried out again.
#pragma once

#include <string>

#include "core/files/file_action.h"

namespace etl
{

/// The result of an action.
struct ActionResult
{
	bool done = true; ///< the action is done or nothing remains to be done; false: try again later
	std::string problem; ///< text for etl.file.error; empty if there is no problem
	/// Not done, because the raw file has more than what was loaded. The rest has to be loaded.
	bool has_grown = false;
	/// Done as far as is known, but a process may still be writing the archived file.
	bool watch = false;
};

/// Carries out an action. Repeating it has no effect. `thorough`: a raw file that is not the file
/// that was read is accepted if its contents are the same.
ActionResult carry_out(const FileAction &action, bool thorough);

/// The error that would prevent an action, as far as this is known in advance: directories that are
/// not writable, or a raw file that is to be replaced and is open for writing. 0 if there is none.
int obstacle(const FileAction &action);
std::string obstacle_message(int error);

/// The path of the part while a file is copied from another file system.
std::string part_beside(const FileAction &action);

/// The hidden name of a set-aside file, which is copied to another file system or removed.
std::string set_aside_name(const FileAction &action);

} // namespace etl
