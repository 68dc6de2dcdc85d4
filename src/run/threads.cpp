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

Stager *active = nullptr;

void
stop_active(int, Datum)
{
	if (active != nullptr)
		active->stop();
	active = nullptr;
}

} // namespace

StopOnExit::StopOnExit(Stager &stager) : outer_(active)
{
	active = &stager;
}

StopOnExit::~StopOnExit()
{
	active = outer_;
}

void
register_exit_callback()
{
	before_shmem_exit(stop_active, static_cast<Datum>(0));
}

} // namespace etl
