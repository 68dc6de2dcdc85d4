#include "pg/exit_guard.h"

#include "pg/callback.h"
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

void
register_exit_callback()
{
	before_shmem_exit(pg::callback<stop_active>, static_cast<Datum>(0));
}

} // namespace etl
