// Threads that run search jobs, while the calling thread waits and takes the results as they come.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <vector>

#include "core/base/worker_threads.h"
#include "core/search/search_job.h"

namespace etl
{

class SearchPool
{
  public:
	/// The jobs, needle and sizes must outlive the pool.
	SearchPool(const std::vector<SearchJob> &jobs, const Needle &needle, const SearchSizes &sizes,
			   unsigned threads);
	/// Stops and joins the threads.
	~SearchPool();
	SearchPool(const SearchPool &) = delete;
	SearchPool &operator=(const SearchPool &) = delete;

	struct Done
	{
		size_t job;
		SearchResult result;
	};
	/// Takes the next result, in any order. Returns false if there is none within `wait`, or if all
	/// results were taken (see finished()). Throws what a thread has thrown.
	bool next(Done &done, std::chrono::milliseconds wait);
	bool finished() const { return taken_ == jobs_.size(); }
	/// Ends the threads early. May be called more than once.
	void stop() noexcept;

  private:
	void work();

	/// Largest number of results that wait. A thread pauses before it makes more.
	static constexpr size_t max_waiting = 64;

	const std::vector<SearchJob> &jobs_;
	const Needle &needle_;
	const SearchSizes &sizes_;
	std::atomic<bool> stop_{false};
	std::atomic<size_t> next_{0};
	size_t taken_ = 0;
	std::mutex mutex_;
	std::condition_variable ready_, room_;
	std::deque<Done> done_;
	std::exception_ptr failure_;
	WorkerThreads threads_;
};

} // namespace etl
