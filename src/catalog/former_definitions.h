// Definitions that are no longer in force. The quarantine, files and exports may still contain
// records that were written by them.
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
	std::shared_ptr<const Definition> definition; ///< null if it cannot be read any more
	std::string error;                            ///< why it cannot be read
};

/// Keeps the definition of a dataset that is about to be replaced or dropped. Does nothing if there
/// is none.
void note_former_definition(const std::string &dataset);

/// The former definitions that differ from the one in force, or whose dataset is not defined any
/// more, ordered by name and time.
std::vector<FormerDefinition> former_definitions();

/// Datasets that are not defined any more and have former definitions.
std::vector<std::string> dropped_datasets();

/// Whether the quarantine, or a processed or archived file, still contains records of the dataset.
bool holds_records(const std::string &dataset);

} // namespace etl
