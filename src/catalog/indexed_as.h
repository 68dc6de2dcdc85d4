// Records by which definition the index of people in files was written, and whether the index is
// complete for the definition in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// The parts of a definition that the index of people depends on: the dataset and the type of the
/// key that names the person, the path of the key, and the path of the email. Two definitions with
/// the same parts find the same people in a file. "" if the records name no people.
std::string indexed_as(const Catalog &catalog, const Definition &definition);

/// Whether the index is known to contain all files of the dataset according to this definition.
bool all_indexed(const Catalog &catalog, const Definition &definition);

/// The processed or archived files of the dataset that are not in the index, or were indexed by
/// another definition, so that they may contain any person. Ordered by file_id.
std::vector<int64_t> unindexed_files(const Catalog &catalog, const Definition &definition);

/// Notes that the files are in the index according to this definition, or are not in the index.
void note_indexed(const Catalog &catalog, const Definition &definition,
				  const std::vector<int64_t> &files);
void note_not_indexed(const std::string &dataset, const std::vector<int64_t> &files);

/// Notes that there are no unindexed files, until a run uses another definition.
void note_all_indexed(const Catalog &catalog, const Definition &definition);

/// Notes that a run of the dataset was indexed by this definition.
void note_indexed_run(const std::string &dataset, const std::string &indexed_as);

} // namespace etl
