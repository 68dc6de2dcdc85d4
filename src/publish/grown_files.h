// Files that were loaded and have got more since: their producer had them open, and the kernel
// could not tell, or opened them when they had been looked at. recover() finds them among the
// actions that wait or were carried out last, and the run that follows loads what was added.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_action.h"

namespace etl
{

/// Forgets those of a dataset; recover() finds them anew.
void forget_grown(const std::string &dataset);
/// A raw file, by its absolute path, and the action that would have archived or removed what was
/// loaded of it.
void note_grown(const std::string &dataset, const FileAction &action);
/// What was loaded of the raw file, as that action has it; null where the file has not grown.
const FileAction *find_grown(const std::string &path);
/// All of a dataset, in order of path.
std::vector<const FileAction *> grown_files(const std::string &dataset);

} // namespace etl
