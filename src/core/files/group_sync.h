// Threads that sync files many at a time, because that is what a journal is good at: 64 files whose
// fsyncs wait together cost little more than one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "core/base/worker_threads.h"
#include "core/files/file_error.h"

namespace etl
{

class GroupSync
{
  public:
	/// Called in a syncing thread when a file could not be synced or closed.
	using Failed = std::function<void(size_t file, const FileError &error)>;

	/// files: how many there will be, as far as that is known; it takes no more threads than that.
	explicit GroupSync(Failed failed, size_t files = SIZE_MAX);
	/// stop()
	~GroupSync();
	GroupSync(const GroupSync &) = delete;
	GroupSync &operator=(const GroupSync &) = delete;

	/// Takes over the descriptor of a file that is written, and begins to put it on the disk. Waits
	/// while many files wait, because each holds a descriptor. Closes it unsynced after stop().
	void add(int fd, size_t file);
	/// Nothing comes for now: those that wait for others are synced.
	void flush();
	/// Waits up to that long; true when all that was added is synced, or has failed.
	bool wait(std::chrono::milliseconds time);
	/// Gives up what is not synced yet and joins the threads. True when there was none.
	bool stop();

  private:
	void work();
	void hand_over();

	const Failed failed_;
	std::mutex mutex_;
	std::condition_variable work_news_, room_, done_;
	struct Waiting
	{
		int fd;
		size_t file;
	};
	std::vector<Waiting> group_; ///< not yet handed to the threads
	std::deque<Waiting> to_sync_;
	size_t unsynced_ = 0;
	bool stopping_ = false;
	WorkerThreads threads_;
};

} // namespace etl
