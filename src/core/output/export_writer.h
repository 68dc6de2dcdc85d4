// A thread that reads what COPY writes to a pipe and writes processed files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/worker_threads.h"
#include "core/files/file_error.h"

namespace etl
{

enum class Framing
{
	plain,      ///< the bytes are written as they are
	copy_binary ///< COPY BINARY of one bytea column: each field is a line
};

class ExportWriter
{
  public:
	ExportWriter();
	/// Calls stop().
	~ExportWriter();
	ExportWriter(const ExportWriter &) = delete;
	ExportWriter &operator=(const ExportWriter &) = delete;

	/// Gives up what is not written yet and joins the thread, even while the writing end of a pipe
	/// is still open. The caller removes incomplete files.
	void stop();
	/// Opens a pipe whose bytes go to a new file. Returns the writing end. The file ends when this
	/// descriptor and all its copies are closed. Several COPY commands may write to it, one after
	/// the other.
	int start(const std::string &path, bool gzip, Framing framing);
	/// Returns true if all files are written and synced. Waits up to 100 ms.
	bool finished();
	/// Throws FileError if a file could not be written.
	void check();
	/// The number of files that are not complete yet.
	size_t pending();

  private:
	struct Job
	{
		int fd;
		std::string path;
		bool gzip;
		Framing framing;
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
	int wake_ = -1;                  ///< readable when the thread has to stop
	std::optional<FileError> error_; ///< the first one
	WorkerThreads thread_;
};

} // namespace etl
