#include "core/files/group_sync.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/files/file_error.h"

namespace etl
{

namespace
{

/// The number of files whose sync is started together, and the number of threads that sync.
constexpr size_t group_size = 64;
constexpr size_t max_threads = 8;

} // namespace

GroupSync::GroupSync(Failed failed, size_t files) : failed_(std::move(failed))
{
	group_.reserve(group_size);
	threads_.start(std::clamp<size_t>(files, 1, max_threads), [this](size_t) { work(); });
}

GroupSync::~GroupSync()
{
	stop();
}

bool
GroupSync::stop()
{
	bool complete;
	{
		const std::lock_guard lock(mutex_);
		complete = unsynced_ == 0;
		stopping_ = true;
	}
	work_news_.notify_all();
	room_.notify_all();
	threads_.join();
	for (const Waiting &file : group_)
		close(file.fd);
	for (const Waiting &file : to_sync_)
		close(file.fd);
	group_.clear();
	to_sync_.clear();
	return complete;
}

void
GroupSync::add(int fd, size_t file)
{
#ifdef SYNC_FILE_RANGE_WRITE
	// the file system allocates blocks now, so that one commit of its journal serves many files
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
	std::unique_lock lock(mutex_);
	room_.wait(lock, [&] { return unsynced_ < 4 * group_size || stopping_; });
	if (stopping_)
	{
		close(fd);
		return;
	}
	group_.push_back({fd, file}); // the capacity is reserved, so this does not allocate memory
	++unsynced_;
	if (group_.size() == group_size)
		hand_over();
}

void
GroupSync::flush()
{
	const std::lock_guard lock(mutex_);
	hand_over();
}

/// The mutex must be locked.
void
GroupSync::hand_over()
{
	to_sync_.insert(to_sync_.end(), group_.begin(), group_.end());
	group_.clear();
	work_news_.notify_all();
}

bool
GroupSync::wait(std::chrono::milliseconds time)
{
	std::unique_lock lock(mutex_);
	return done_.wait_for(lock, time, [&] { return unsynced_ == 0; });
}

/// The function that each syncing thread runs.
void
GroupSync::work()
{
	std::unique_lock lock(mutex_);
	for (;;)
	{
		work_news_.wait(lock, [&] { return stopping_ || !to_sync_.empty(); });
		if (stopping_)
			return;
		const Waiting file = to_sync_.front();
		to_sync_.pop_front();
		lock.unlock();
		int result, error;
		do
		{
			result = fsync(file.fd);
			error = errno;
		} while (result != 0 && error == EINTR);
		if (result != 0)
			failed_(file.file, system_error("could not fsync file", error));
		// Linux closes the descriptor even if a signal interrupts close()
		if (close(file.fd) != 0 && errno != EINTR && result == 0)
			failed_(file.file, system_error("could not close file", errno));
		lock.lock();
		if (--unsynced_ == 0)
			done_.notify_all();
		room_.notify_one();
	}
}

} // namespace etl
