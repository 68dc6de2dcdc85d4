#include "run/threads.h"

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
	if (active != nullptr)
		active->stop();
	active = nullptr;
}

} // namespace

StopOnExit::StopOnExit(Stager &stager)
	: stop_([](void *object) { static_cast<Stager *>(object)->stop(); }), object_(&stager),
	  outer_(active)
{
	active = this;
}

StopOnExit::StopOnExit(FileRewriter &rewriter)
	: stop_([](void *object) { static_cast<FileRewriter *>(object)->stop(); }), object_(&rewriter),
	  outer_(active)
{
	active = this;
}

StopOnExit::~StopOnExit()
{
	active = outer_;
}

void
StopOnExit::stop()
{
	for (StopOnExit *at = this; at != nullptr; at = at->outer_)
		at->stop_(at->object_);
}

void
register_exit_callback()
{
	before_shmem_exit(stop_active, static_cast<Datum>(0));
}

} // namespace etl
