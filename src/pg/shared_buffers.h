// The server's buffers, seen by a backend that has just begun.
#pragma once

#include <cstdint>

namespace pg
{

/// Maps the shared buffers into this process at once where the load to come will use a good part of
/// them: a new backend otherwise takes a page fault for each 4 kB that it is the first time at
/// (core/base/prefault.h). bytes: about how many bytes of tables and indexes will be written. With
/// huge_pages there is next to nothing to do.
void prefault_shared_buffers(uint64_t bytes) noexcept;

} // namespace pg
