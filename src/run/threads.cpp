#include "run/threads.h"

#include <malloc.h>

#include "pg/guard.h"

extern "C"
{
#include "storage/ipc.h"
}

namespace etl
{

namespace
{

StopOnExit *active = nullptr;

void
stop_active(int, Datum)
{
	StopOnExit::stop_all();
}

} // namespace

StopOnExit::StopOnExit(std::function<void()> stop) : stop_(std::move(stop)), outer_(active)
{
	active = this;
}

StopOnExit::StopOnExit(Stager &stager) : StopOnExit([&stager] { stager.stop(); }) {}

StopOnExit::StopOnExit(FileRewriter &rewriter) : StopOnExit([&rewriter] { rewriter.stop(); }) {}

StopOnExit::~StopOnExit()
{
	active = outer_;
}

void
StopOnExit::stop_all()
{
	for (; active != nullptr; active = active->outer_)
		active->stop_();
}

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

void
register_exit_callback()
{
	before_shmem_exit(stop_active, static_cast<Datum>(0));
}

} // namespace etl
