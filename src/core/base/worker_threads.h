// Threads beside a server's main thread.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace etl
{

/// Threads that run with all signals blocked: signals are the main thread's, and the server's
/// handlers must not run anywhere else.
class WorkerThreads
{
  public:
	WorkerThreads() = default;
	/// Joins. The owner tells the threads to end before.
	~WorkerThreads() { join(); }
	WorkerThreads(const WorkerThreads &) = delete;
	WorkerThreads &operator=(const WorkerThreads &) = delete;

	/// Starts threads that run work(0) to work(count - 1), beside those that were started before;
	/// as many as the system gives, the first ones first. Returns how many. Throws
	/// std::system_error where it gives none of several, and nothing was started then. work must
	/// not throw.
	size_t start(size_t count, const std::function<void(size_t)> &work);
	bool empty() const { return threads_.empty(); }
	/// Waits until all have ended; callable more than once.
	void join() noexcept;

  private:
	std::vector<std::thread> threads_;
};

} // namespace etl
