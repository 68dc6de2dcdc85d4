// Definitions that are not in force any more: quarantine, files and exports still hold records as
// they said.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

struct FormerDefinition
{
	std::string dataset;
	int64_t defined_at = 0, replaced_at = 0;      ///< microseconds since 2000
	std::shared_ptr<const Definition> definition; ///< null: it cannot be read any more
	std::string error;                            ///< then why
};

/// Keeps the definition of a dataset that is about to be replaced or forgotten. Nothing where there
/// is none.
void note_former_definition(const std::string &dataset);

/// Those that differ from the definition in force, or whose dataset is not defined any more: in the
/// order of names and times.
std::vector<FormerDefinition> former_definitions();

/// Datasets that are not defined any more and of whose definition something is kept.
std::vector<std::string> dropped_datasets();

/// Does quarantine, or a processed or archived file, still hold records of the dataset?
bool holds_records(const std::string &dataset);

} // namespace etl
