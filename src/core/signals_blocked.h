// Threads beside a server's main thread.
#pragma once

#include <csignal>

#include <pthread.h>

namespace etl
{

/// While it lives, threads that are started begin with all signals blocked: signals are the main
/// thread's, and the server's handlers must not run anywhere else.
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

} // namespace etl
