#include "core/base/worker_threads.h"

#include <csignal>

#include <pthread.h>

namespace etl
{

namespace
{

/// Blocks all signals while it exists. Threads that are started meanwhile inherit this.
class SignalsBlocked
{
  public:
	SignalsBlocked()
	{
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before_);
	}
	~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
	SignalsBlocked(const SignalsBlocked &) = delete;
	SignalsBlocked &operator=(const SignalsBlocked &) = delete;

  private:
	sigset_t before_;
};

} // namespace

size_t
WorkerThreads::start(size_t count, const std::function<void(size_t)> &work)
{
	const SignalsBlocked signals_blocked;
	size_t started = 0;
	try
	{
		for (; started < count; ++started)
			threads_.emplace_back(work, started);
	}
	catch (const std::exception &)
	{
		if (started == 0)
			throw;
	}
	return started;
}

void
WorkerThreads::join() noexcept
{
	for (std::thread &thread : threads_)
		thread.join();
	threads_.clear();
}

} // namespace etl
