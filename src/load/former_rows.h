// Rows that were loaded when their partition was not recorded. Their records are in processed
// files, each below its partition.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/definition/definition.h"

namespace etl
{

/// etl.row_partition has the first half of the SHA-256 of a key in place of the key.
constexpr size_t row_key_hash_size = 16;
void append_row_key_hash(std::string_view key, std::string &hashes);

/// Records the partitions of rows from processed files. Looks at files of partitions after `after`
/// (hours since 2000-01-01) that were loaded into the table by a definition for which this was not
/// recorded: with "on_repeat": "quarantine", without a key, or with columns for the partition.
/// Existing entries are not changed. Each file is read once; missing files are ignored. If several
/// files have brought a row, the latest partition counts, even if the row was deleted in between.
/// Returns false if there was no file left to read.
bool note_former_rows(const Definition &definition, int64_t after);

} // namespace etl
