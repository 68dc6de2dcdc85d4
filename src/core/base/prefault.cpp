#include "core/base/prefault.h"

#include <cerrno>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace etl
{

void
prefault(const void *memory, size_t size) noexcept
{
#ifdef MADV_POPULATE_WRITE
	// below this size the call costs as much as it saves
	constexpr size_t worth_it = 32 * 1024;
	static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
	const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) & ~(page - 1);
	const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + size) & ~(page - 1);
	if (end < begin + worth_it)
		return;
	const int error = errno;
	// if this fails, the pages are mapped when they are first accessed
	(void)madvise(reinterpret_cast<void *>(begin), end - begin, MADV_POPULATE_WRITE);
	errno = error;
#else
	(void)memory;
	(void)size;
#endif
}

} // namespace etl
