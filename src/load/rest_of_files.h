// What was added to files after they were loaded (publish/grown_files.h) is loaded as files of its
// own: etl.file has a row for each part, and the archive the whole file.
#pragma once

#include <string>
#include <vector>

#include "core/files/file_action.h"
#include "load/run_file.h"
#include "pg/settings.h"

namespace etl
{

/// A NOTICE about the files of a dataset that have grown.
void tell_of_grown(const std::string &dataset);

/// What the catalog knows of the parts that were loaded: fills FileTask::loaded and
/// RunFile::grown_from.
void look_up_loaded_parts(std::vector<RunFile> &files, std::vector<FileTask> &tasks);

/// The same of archived files that are loaded again after a restore: of parts that the database
/// knows and that are not in the archive any more, because the whole file is.
void look_up_archived_parts(const std::string &dataset, const pg::Settings &settings,
							std::vector<RunFile> &files, std::vector<FileTask> &tasks);

/// Where a copy of the part that was loaded before is in the archive, which the treated copy of the
/// whole file replaces. Empty: there is none, or it is removed by an action that is added.
std::string archived_path_of_part(const RunFile &file, const pg::Settings &settings,
								  std::vector<FileAction> &actions);

/// The rest of these files is loaded, or they are taken for other deliveries: what was to be done
/// with the part that was loaded before is done with the whole file.
void record_grown(const std::vector<RunFile> &files);

} // namespace etl
