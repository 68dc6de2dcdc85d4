#include "core/base/malloc_tuning.h"

#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

using namespace etl;

namespace
{

constexpr size_t mb = 1 << 20;

/// The resident memory of the process in bytes.
size_t
resident()
{
	size_t size = 0, pages = 0;
	std::ifstream("/proc/self/statm") >> size >> pages;
	return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// Allocates `bytes` bytes in small blocks, writes to them and frees all but the last block, so
/// that the heap keeps its size.
std::unique_ptr<char[]>
take_and_free(size_t bytes)
{
	constexpr size_t block = 4096;
	std::vector<std::unique_ptr<char[]>> blocks(bytes / block);
	for (auto &taken : blocks)
	{
		taken = std::make_unique<char[]>(block);
		std::memset(taken.get(), 1, block);
	}
	return std::move(blocks.back());
}

} // namespace

TEST(MallocTuning, FreedMemoryIsGivenBackBeyondALimit)
{
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	GTEST_SKIP() << "malloc is not glibc's";
#endif
	const size_t before = resident();
	if (before == 0)
		GTEST_SKIP() << "there is no /proc";
	const KeepFreedMemory keep;
	const auto last = take_and_free(64 * mb);
	ASSERT_GT(resident(), before + 48 * mb) << "malloc keeps what is freed";
	give_back_freed_memory_beyond(size_t{1} << 40);
	EXPECT_GT(resident(), before + 48 * mb) << "and goes on to, below the limit";
	give_back_freed_memory_beyond(mb);
	EXPECT_LT(resident(), before + 16 * mb);
}
