// Rows that came while nobody noted from which partition: their records stand in processed files,
// each below its partition.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/definition/definition.h"

namespace etl
{

/// What etl.row_partition has in place of a key: the first half of its SHA-256.
constexpr size_t row_key_hash_size = 16;
void append_row_key_hash(std::string_view key, std::string &hashes);

/// Notes of rows from which partitions they came, for the processed files of partitions after that
/// one (hours since 2000-01-01) that were loaded into the table under a definition by which this
/// was not noted: it had "on_repeat": "quarantine", no key, or columns that told it. What is noted
/// of a row already stays. Each file is read once; one that is not there any more says nothing. Of
/// a row that several files brought the latest partition counts, also where somebody has deleted it
/// in between. False: there is none left to be read.
bool note_former_rows(const Definition &definition, int64_t after);

} // namespace etl
