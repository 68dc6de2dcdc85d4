#include "core/search/search_pool.h"

#include <algorithm>

namespace etl
{

SearchPool::SearchPool(const std::vector<SearchJob> &jobs, const Needle &needle,
					   const SearchSizes &sizes, unsigned threads)
	: jobs_(jobs), needle_(needle), sizes_(sizes)
{
	threads_.start(std::min<size_t>(threads, jobs.size()), [this](size_t) { work(); });
}

SearchPool::~SearchPool()
{
	stop();
}

void
SearchPool::stop() noexcept
{
	{
		const std::lock_guard lock(mutex_);
		stop_ = true;
	}
	room_.notify_all();
	threads_.join();
}

void
SearchPool::work()
{
	for (size_t job; !stop_ && (job = next_++) < jobs_.size();)
		try
		{
			Done done{job, run_job(jobs_[job], needle_, sizes_, stop_)};
			std::unique_lock lock(mutex_);
			room_.wait(lock, [&] { return stop_ || done_.size() < max_waiting; });
			done_.push_back(std::move(done));
			lock.unlock();
			ready_.notify_one();
		}
		catch (...)
		{
			const std::lock_guard lock(mutex_);
			failure_ = std::current_exception();
			stop_ = true;
			ready_.notify_one();
			room_.notify_all();
			return;
		}
}

bool
SearchPool::next(Done &done, std::chrono::milliseconds wait)
{
	std::unique_lock lock(mutex_);
	if (finished())
		return false;
	if (!ready_.wait_for(lock, wait, [&] { return failure_ != nullptr || !done_.empty(); }))
		return false;
	if (failure_ != nullptr)
		std::rethrow_exception(failure_);
	done = std::move(done_.front());
	done_.pop_front();
	++taken_;
	lock.unlock();
	room_.notify_one();
	return true;
}

} // namespace etl
