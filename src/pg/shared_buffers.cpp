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
	// mapping a page in this way is cheap but not free, and it is not known which buffers will be
	// used
	constexpr uint64_t share = 4;
	const uint64_t all = static_cast<uint64_t>(NBuffers) * BLCKSZ;
	if (bytes < all / share)
		return;
	// a call locks the memory map of the process, which the threads need too, so it is done in
	// steps
	constexpr uint64_t step = UINT64_C(16) << 20;
	for (uint64_t at = 0; at < all; at += step)
		etl::prefault(BufferBlocks + at, all - at < step ? all - at : step);
}

} // namespace pg
