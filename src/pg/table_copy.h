// Rows of target tables, written as COPY writes them.
#pragma once

#include <cstdint>
#include <string>

namespace pg
{

/// What COPY (query) TO writes to the file descriptor, WITH (FORMAT csv, HEADER) or WITH (FORMAT
/// binary); the query runs as query_table()'s do. Returns the number of rows.
uint64_t copy_out_of_table(const std::string &query, int fd, bool csv);

} // namespace pg
