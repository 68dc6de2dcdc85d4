#include "core/base/malloc_tuning.h"

#include <cstdio>
#include <cstdlib> // __GLIBC__
#include <mutex>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/scoped_fd.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace etl
{

#ifdef __GLIBC__

namespace
{

/// The default values of mallopt(3).
constexpr int default_threshold = 128 * 1024;

std::mutex mutex;
// numbers of objects in the process, because the settings are the process's too
int keepers = 0, givers = 0;

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

/// Changes the numbers of objects and applies the settings that follow from them.
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

namespace
{

/// Resident memory of this process without shared memory, in bytes. Nothing if the system does not
/// say.
std::optional<size_t>
resident_alone()
{
	const ScopedFd fd(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
	char text[256];
	const ssize_t size = fd.get() < 0 ? -1 : read(fd.get(), text, sizeof text - 1);
	if (size <= 0)
		return std::nullopt;
	text[size] = '\0';
	size_t resident, shared; // in pages; proc(5)
	if (std::sscanf(text, "%*u %zu %zu", &resident, &shared) != 2 || shared > resident)
		return std::nullopt;
	return (resident - shared) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

} // namespace

void
give_back_freed_memory_beyond(size_t bytes)
{
	if (resident_alone().value_or(bytes + 1) > bytes)
		give_back_freed_memory();
}

} // namespace etl
