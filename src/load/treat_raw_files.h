// Writes copies of raw files without erased people for the archive.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/record_eraser.h"
#include "load/run_file.h"

namespace etl
{

/// Rewrites files with records of erased people, into part_folder, and stores the path of the copy
/// in the RunFile. A file whose bytes were known has not been read by the run. It may be from
/// before the erasure, so it is searched too.
void treat_raw_files(const Catalog &catalog, const Definition &definition,
					 const ErasedPeople &erased, const std::string &part_folder, unsigned threads,
					 std::vector<RunFile> &files);

} // namespace etl
