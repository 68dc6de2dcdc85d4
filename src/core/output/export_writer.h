// A thread that turns what COPY writes into a pipe into processed files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "core/base/worker_threads.h"

namespace etl
{

enum class Framing
{
	plain,      ///< bytes as they come
	copy_binary ///< COPY BINARY of one bytea column: each field is a line
};

class ExportWriter
{
  public:
	ExportWriter();
	/// stop()
	~ExportWriter();
	ExportWriter(const ExportWriter &) = delete;
	ExportWriter &operator=(const ExportWriter &) = delete;

	/// Gives up what is not written yet and joins the thread, even while somebody still holds the
	/// writing end of a pipe. Files that were not complete are left to the caller to remove.
	void stop();
	/// Opens a pipe whose bytes go to a new file. Returns the end to write to; closing it (and
	/// every copy of it) ends the file. Several COPYs may write to it one after the other.
	int start(const std::string &path, bool gzip, Framing framing);
	/// True when all files that were started are written and synced; waits up to 100 ms for it.
	bool finished();
	/// Throws FileError when a file could not be written.
	void check();
	/// Files started and not yet complete.
	size_t pending();

  private:
	struct Job
	{
		int fd;
		std::string path;
		bool gzip;
		Framing framing;
	};
	struct Stopped
	{
	};
	void work();
	void write_file(const Job &job);
	void drain(int fd);
	size_t read_some(int fd, char *buffer, size_t size);

	std::mutex mutex_;
	std::condition_variable news_;
	std::deque<Job> jobs_;
	size_t pending_ = 0;
	std::atomic<bool> stopping_ = false;
	int wake_ = -1; ///< readable once it is stopping
	std::string error_, sqlstate_;
	WorkerThreads thread_;
};

} // namespace etl
