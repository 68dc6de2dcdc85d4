#include "run/freed_memory.h"

#include <cstdlib> // __GLIBC__

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace etl
{

#ifdef __GLIBC__

namespace
{

/// The defaults of mallopt(3).
constexpr int default_threshold = 128 * 1024;

} // namespace

KeepFreedMemory::KeepFreedMemory()
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_TOP_PAD, 1 << 20);
}

KeepFreedMemory::~KeepFreedMemory()
{
	mallopt(M_MMAP_THRESHOLD, default_threshold);
	mallopt(M_TRIM_THRESHOLD, default_threshold);
	mallopt(M_TOP_PAD, default_threshold);
	malloc_trim(0);
}

#else

KeepFreedMemory::KeepFreedMemory() = default;
KeepFreedMemory::~KeepFreedMemory() = default;

#endif

} // namespace etl
