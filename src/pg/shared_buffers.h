// Maps the server's shared buffers into a new backend.
#pragma once

#include <cstdint>

namespace pg
{

/// Maps the shared buffers into this process in advance if the load will use a large part of them.
/// Otherwise a new backend has a page fault when it first accesses each 4 kB of them
/// (core/base/prefault.h). `bytes` is the approximate number of bytes of tables and indexes that
/// will be written. With huge_pages there is almost nothing to do.
void prefault_shared_buffers(uint64_t bytes) noexcept;

} // namespace pg
