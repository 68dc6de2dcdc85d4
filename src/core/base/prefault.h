// Maps memory that is about to be filled in one call, instead of one page fault for each page.
#pragma once

#include <cstddef>

namespace etl
{

/// Makes the kernel map the whole pages inside `size` bytes at `memory` for writing (madvise(2),
/// MADV_POPULATE_WRITE, Linux 5.14). The contents do not change, and pages that are mapped already
/// cost almost nothing. Without this call the first access to a page costs a page fault: 25
/// microseconds under a hypervisor with page tables of its own, of which this call saves more than
/// half (docs/explanation/performance.md). Does nothing if the kernel does not support it. Use it
/// only for memory that will certainly be written.
void prefault(const void *memory, size_t size) noexcept;

} // namespace etl
