// How malloc treats the memory that a run frees.
#pragma once

#include <cstddef>

namespace etl
{

/// While an object of this class exists, malloc keeps freed memory instead of returning it to the
/// system. A run frees a batch and then allocates the next one of the same size. If the memory came
/// from the system each time, every page would be faulted in and zeroed again, which takes a tenth
/// of a run's CPU time. The destructor returns all memory. Has an effect with glibc only.
class KeepFreedMemory
{
  public:
	KeepFreedMemory();
	~KeepFreedMemory();
	KeepFreedMemory(const KeepFreedMemory &) = delete;
	KeepFreedMemory &operator=(const KeepFreedMemory &) = delete;
};

/// Returns the memory that malloc keeps after it was freed, of all threads, to the system.
void give_back_freed_memory();

/// Like give_back_freed_memory(), but only if more than `bytes` of the process are resident, shared
/// memory not counted (Linux: /proc/self/statm; on other systems always). A thread does not
/// allocate from the memory that another thread has freed: when the threads change their work, each
/// of them would keep as much memory as it ever needed.
void give_back_freed_memory_beyond(size_t bytes);

/// While an object of this class exists, large blocks are returned to the system as soon as they
/// are freed, even if a KeepFreedMemory exists. This is for long records, because nothing else fits
/// into their blocks. Any thread may create one.
class GiveBackFreedMemory
{
  public:
	GiveBackFreedMemory();
	~GiveBackFreedMemory();
	GiveBackFreedMemory(const GiveBackFreedMemory &) = delete;
	GiveBackFreedMemory &operator=(const GiveBackFreedMemory &) = delete;
};

} // namespace etl
