// Syncs many files at the same time. The journal of a file system handles this well: 64 fsyncs that
// wait together take little longer than one.
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

	/// `files` is the expected number of files, if known. There are not more threads than files.
	explicit GroupSync(Failed failed, size_t files = SIZE_MAX);
	/// Calls stop().
	~GroupSync();
	GroupSync(const GroupSync &) = delete;
	GroupSync &operator=(const GroupSync &) = delete;

	/// Takes over the descriptor of a written file and starts writing it to disk. Blocks while many
	/// files wait, because each of them needs a descriptor. After stop() the file is closed without
	/// sync.
	void add(int fd, size_t file);
	/// Syncs the files that wait for a group to become full. Call it when no more files come for
	/// now.
	void flush();
	/// Waits at most `time`. Returns true if all added files are synced or have failed.
	bool wait(std::chrono::milliseconds time);
	/// Gives up the files that are not synced yet and joins the threads. Returns true if there were
	/// none.
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
	std::vector<Waiting> group_; ///< not passed to the threads yet
	std::deque<Waiting> to_sync_;
	size_t unsynced_ = 0;
	bool stopping_ = false;
	WorkerThreads threads_;
};

} // namespace etl
