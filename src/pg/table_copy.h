// Copies rows out of target tables in the formats of COPY.
#pragma once

#include <cstdint>
#include <string>

namespace pg
{

/// Writes the rows of the query to the file descriptor as COPY (query) TO does, WITH (FORMAT csv,
/// HEADER) or WITH (FORMAT binary). The query runs like those of query_table(). Returns the number
/// of rows.
uint64_t copy_out_of_table(const std::string &query, int fd, bool csv);

} // namespace pg
