// Loads what was added to files after they were loaded (publish/grown_files.h) as files of their
// own: etl.file has a row for each part, and the archive has the whole file.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_action.h"
#include "load/run_file.h"
#include "pg/settings.h"

namespace etl
{

/// Reports a NOTICE about the files of a dataset that have grown.
void tell_of_grown(const std::string &dataset);

/// Looks up the parts that were loaded: fills FileTask::loaded and RunFile::grown_from.
void look_up_loaded_parts(std::vector<RunFile> &files, std::vector<FileTask> &tasks);

/// Like look_up_loaded_parts(), for archived files that are loaded again after a restore. Looks up
/// parts that the database knows and that are no longer in the archive, because the whole file is.
void look_up_archived_parts(const std::string &dataset, const pg::Settings &settings,
							std::vector<RunFile> &files, std::vector<FileTask> &tasks);

/// The path in the archive of the part that was loaded before, which the treated copy of the whole
/// file replaces. Empty if there is none, or if an action that removes it was added to `actions`.
std::string archived_path_of_part(const RunFile &file, const pg::Settings &settings,
								  std::vector<FileAction> &actions);

/// Call when the rest of these files is loaded, or when they turned out to be other deliveries.
/// Actions for the part that was loaded before are replaced by those for the whole file.
void record_grown(const std::vector<RunFile> &files);

} // namespace etl
