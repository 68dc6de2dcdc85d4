// Files that have grown after they were loaded: a process had them open for writing and the kernel
// could not tell, or opened them after they were checked. recover() finds them among the actions
// that wait or that were carried out last. The run after it loads what was added.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_action.h"

namespace etl
{

/// Forgets the grown files of a dataset. recover() finds them again.
void forget_grown(const std::string &dataset);
/// Notes a raw file by its absolute path, with the action that would have archived or removed the
/// loaded contents.
void note_grown(const std::string &dataset, const FileAction &action);
/// The action of a raw file that has grown. Null if it has not grown.
const FileAction *find_grown(const std::string &path);
/// All grown files of a dataset, in order of path.
std::vector<const FileAction *> grown_files(const std::string &dataset);

} // namespace etl
