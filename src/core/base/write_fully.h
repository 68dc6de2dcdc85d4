// Writing all of some bytes to a descriptor.
#pragma once

#include <cstdint>
#include <string_view>

namespace etl
{

/// Writes all bytes at the descriptor's position, whatever write(2) takes at a time. False with
/// errno where that cannot be done; a write that takes nothing means a full disk (ENOSPC), as for
/// PostgreSQL.
bool write_fully(int fd, std::string_view bytes);

/// The same from that position of the file on, which leaves the descriptor's own as it is.
bool write_fully_at(int fd, std::string_view bytes, uint64_t position);

} // namespace etl
