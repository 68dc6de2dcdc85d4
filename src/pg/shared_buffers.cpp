#include "pg/shared_buffers.h"

#include "core/base/prefault.h"
#include "pg/guard.h"

extern "C"
{
#include "miscadmin.h"
#include "storage/bufmgr.h"
}

namespace pg
{

void
prefault_shared_buffers(uint64_t bytes) noexcept
{
	// mapping a page this way costs little, but not nothing, and nobody knows beforehand which of
	// the buffers will be used
	constexpr uint64_t share = 4;
	const uint64_t all = static_cast<uint64_t>(NBuffers) * BLCKSZ;
	if (bytes < all / share)
		return;
	// one call holds the lock on the process's memory map throughout, and the threads need it too
	constexpr uint64_t step = UINT64_C(16) << 20;
	for (uint64_t at = 0; at < all; at += step)
		etl::prefault(BufferBlocks + at, all - at < step ? all - at : step);
}

} // namespace pg
