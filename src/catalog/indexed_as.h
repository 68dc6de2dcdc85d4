// By which definition runs have told the index of people whose records are in files, and whether it
// is complete by the one in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// What the index of people depends on: whose key names the person, where it stands, what type it
/// has, and where the email is. Two definitions with the same find the same people in a file. ""
/// where records name nobody.
std::string indexed_as(const Catalog &catalog, const Definition &definition);

/// Whether the index is known to know all files of the dataset by this definition.
bool all_indexed(const Catalog &catalog, const Definition &definition);

/// Files of the dataset, processed or archived, that the index knows by another definition than
/// this, or not at all: they may hold anybody. In order of their numbers.
std::vector<int64_t> unindexed_files(const Catalog &catalog, const Definition &definition);

/// Notes that the index knows files by this definition, or does not know them at all.
void note_indexed(const Catalog &catalog, const Definition &definition,
				  const std::vector<int64_t> &files);
void note_not_indexed(const std::string &dataset, const std::vector<int64_t> &files);

/// Notes that there are no unindexed files, until a run works by another definition.
void note_all_indexed(const Catalog &catalog, const Definition &definition);

/// A run of the dataset was indexed as that.
void note_indexed_run(const std::string &dataset, const std::string &indexed_as);

} // namespace etl
