// Threads that work beside the main thread of a server process.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace etl
{

/// Thrown in a thread whose work is not needed any more, by what the thread would have to wait for.
/// It is not derived from std::exception, so that nothing takes it for an error.
struct Stopped
{
};

/// Threads that run with all signals blocked. Signals are for the main thread, and the server's
/// signal handlers must not run in any other thread.
class WorkerThreads
{
  public:
	WorkerThreads() = default;
	/// Joins the threads. The owner must have told the threads to end before.
	~WorkerThreads() { join(); }
	WorkerThreads(const WorkerThreads &) = delete;
	WorkerThreads &operator=(const WorkerThreads &) = delete;

	/// Starts up to `count` threads that run work(0), work(1) and so on, in addition to the threads
	/// that were started before. Returns how many were started, which is less than `count` if the
	/// system has no more. Throws std::system_error if not one could be started. `work` must not
	/// throw.
	size_t start(size_t count, const std::function<void(size_t)> &work);
	bool empty() const { return threads_.empty(); }
	/// Waits until all threads have ended. May be called more than once.
	void join() noexcept;

  private:
	std::vector<std::thread> threads_;
};

} // namespace etl
