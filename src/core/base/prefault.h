// Memory that is about to be filled, brought in by the thousand pages and not one page fault each.
#pragma once

#include <cstddef>

namespace etl
{

/// Has the kernel put memory behind the whole pages that lie in size bytes, for writing
/// (madvise(2), MADV_POPULATE_WRITE, Linux 5.14). Contents stay as they are; pages that are there
/// already cost next to nothing. A page that is touched first costs a page fault: 25 microseconds
/// where a hypervisor keeps its own page tables, of which this saves more than half
/// (docs/explanation/performance.md). Where the kernel can't, nothing happens. For memory that will
/// be written in any case.
void prefault(const void *memory, size_t size) noexcept;

} // namespace etl
