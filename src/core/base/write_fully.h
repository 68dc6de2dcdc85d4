// Writes a whole text to a file descriptor.
#pragma once

#include <cstdint>
#include <string_view>

namespace etl
{

/// Writes all bytes at the position of the descriptor, with as many calls of write(2) as needed.
/// Returns false with errno if that fails. A write of zero bytes counts as a full disk (ENOSPC), as
/// in PostgreSQL.
bool write_fully(int fd, std::string_view bytes);

/// Like write_fully(), but writes at `position` and does not move the position of the descriptor.
bool write_fully_at(int fd, std::string_view bytes, uint64_t position);

} // namespace etl
