// What malloc does with the memory that a run frees.
#pragma once

#include <cstddef>

namespace etl
{

/// While it lives, malloc keeps what is freed instead of giving it back to the system. A run frees
/// a batch as large as the one that it allocates next; fetched from the system anew, every page of
/// it would be faulted in and zeroed again (that was a tenth of a run's CPU time). Gives all back
/// at the end. glibc only; elsewhere it does nothing.
class KeepFreedMemory
{
  public:
	KeepFreedMemory();
	~KeepFreedMemory();
	KeepFreedMemory(const KeepFreedMemory &) = delete;
	KeepFreedMemory &operator=(const KeepFreedMemory &) = delete;
};

/// Gives back what malloc keeps that was freed, of all threads.
void give_back_freed_memory();

/// Does so where the process has more than so many bytes of its own resident, without what it
/// shares (Linux: /proc/self/statm; elsewhere always). What one thread has freed another one does
/// not allocate from: where their work changes, each keeps as much as it ever needed.
void give_back_freed_memory_beyond(size_t bytes);

/// While it lives, beside a KeepFreedMemory, everything large that is freed is given back at once:
/// for long records, whose blocks nothing else fits into. Any thread may make one.
class GiveBackFreedMemory
{
  public:
	GiveBackFreedMemory();
	~GiveBackFreedMemory();
	GiveBackFreedMemory(const GiveBackFreedMemory &) = delete;
	GiveBackFreedMemory &operator=(const GiveBackFreedMemory &) = delete;
};

} // namespace etl
