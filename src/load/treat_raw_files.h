// Raw files about people who have been erased get a copy without them for the archive.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/record_eraser.h"
#include "load/run_file.h"

namespace etl
{

/// Rewrites those of the files that hold records of erased people, into part_folder, and notes the
/// copy in the file. Of one whose bytes are known nothing was read: it may be from before the
/// erasure, and is looked through.
void treat_raw_files(const Catalog &catalog, const Definition &definition,
					 const ErasedPeople &erased, const std::string &part_folder, unsigned threads,
					 std::vector<RunFile> &files);

} // namespace etl
