#include "core/base/malloc_tuning.h"

#include <cstdlib> // __GLIBC__
#include <mutex>

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

std::mutex mutex;
int keepers = 0, givers = 0; // of the process; the settings are its as well

void
keep()
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_TOP_PAD, 1 << 20);
}

void
give_back()
{
	mallopt(M_MMAP_THRESHOLD, default_threshold);
	mallopt(M_TRIM_THRESHOLD, default_threshold);
	mallopt(M_TOP_PAD, default_threshold);
	malloc_trim(0);
}

/// Adds to the numbers and sets what they ask for.
void
change(int more_keepers, int more_givers)
{
	const std::lock_guard lock(mutex);
	keepers += more_keepers;
	givers += more_givers;
	if (keepers > 0 && givers == 0)
		keep();
	else
		give_back();
}

} // namespace

KeepFreedMemory::KeepFreedMemory()
{
	change(1, 0);
}

KeepFreedMemory::~KeepFreedMemory()
{
	change(-1, 0);
}

GiveBackFreedMemory::GiveBackFreedMemory()
{
	change(0, 1);
}

GiveBackFreedMemory::~GiveBackFreedMemory()
{
	malloc_trim(0);
	change(0, -1);
}

void
give_back_freed_memory()
{
	malloc_trim(0);
}

#else

void
give_back_freed_memory()
{
}

KeepFreedMemory::KeepFreedMemory() = default;
KeepFreedMemory::~KeepFreedMemory() = default;
GiveBackFreedMemory::GiveBackFreedMemory() = default;
GiveBackFreedMemory::~GiveBackFreedMemory() = default;

#endif

} // namespace etl
