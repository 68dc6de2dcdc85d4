// Allocates numbers for rows of the catalog.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etl
{

/// Takes `count` numbers from the sequence of an identity column, e.g. ("etl.file_file_id_seq",
/// 10).
std::vector<int64_t> allocate_ids(const std::string &sequence, size_t count);

} // namespace etl
