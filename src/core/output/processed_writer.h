// Threads that read what COPY writes to one pipe and write many processed files.
//
// The main thread announces chunks of files. Then one COPY (FORMAT binary, one bytea column) writes
// the chunks into the pipe in the same order, one row for each chunk. A reader thread removes the
// framing and passes each chunk to its file. Worker threads compress and write, one thread at a
// time for each file. Complete files are synced, many at the same time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/worker_threads.h"
#include "core/files/file_error.h"
#include "core/files/group_sync.h"

namespace etl
{

class ProcessedWriter
{
  public:
	/// For a row that contains the deflated bytes of a sealed text (core/files/compressed_text.h).
	/// Its file must be gzip.
	struct Sealed
	{
		uint32_t crc, size;
		std::vector<uint32_t> without; ///< lines to leave out, counted from 0, in ascending order
		bool whole = false;            ///< SealedText::whole: the file has no other chunk
	};
	/// A row in the output of COPY.
	struct Chunk
	{
		uint32_t file;
		bool last;                                   ///< the file ends with this chunk
		std::optional<Sealed> sealed = std::nullopt; ///< empty: the row contains lines
	};

	/// `threads` is the number of threads that compress.
	explicit ProcessedWriter(unsigned threads);
	/// Calls stop().
	~ProcessedWriter();
	ProcessedWriter(const ProcessedWriter &) = delete;
	ProcessedWriter &operator=(const ProcessedWriter &) = delete;

	/// Gives up what is not written yet and joins the threads, even while COPY still has the
	/// writing end of the pipe open. The caller removes incomplete files.
	void stop();
	/// The descriptor to which COPY writes.
	int pipe() const { return pipe_; }
	/// Adds a new file (O_EXCL, mode 0600), which is created with its first chunk.
	uint32_t add_file(const std::string &path, bool gzip);
	/// Announces the chunks that the next COPY writes.
	void expect(std::vector<Chunk> chunks);
	/// Ends a file that has chunks, the last of which was not announced as last.
	void end_file(uint32_t file);
	/// Returns true if everything that was announced is written, and all files that have ended are
	/// synced. Waits up to 100 ms.
	bool finished();
	/// Throws FileError if a file could not be written.
	void check();

  private:
	struct Piece
	{
		std::string bytes;
		bool last;
		std::optional<Sealed> sealed;
	};
	struct File
	{
		std::string path;
		bool gzip;
		int fd = -1;
		bool begun = false;         ///< the gzip header is written
		bool ended = false;         ///< the deflate stream has ended
		uint32_t crc = 0, size = 0; ///< for the gzip trailer
		std::list<Piece> pieces;    // a list, because an empty deque takes 600 bytes
		bool busy = false;
	};
	class Compressor;

	void start_threads(unsigned count, void (ProcessedWriter::*body)());
	void read_pipe();
	void read_chunks();
	Chunk next_expected();
	void write();
	void put(uint32_t file, Piece piece);
	void write_piece(File &file, const Piece &piece, Compressor &compressor);
	void fail(const FileError &error);

	int pipe_ = -1, read_end_ = -1, wake_ = -1;
	std::mutex mutex_;
	std::condition_variable ready_news_, room_, done_;
	std::deque<File> files_; ///< a deque, because the addresses of files must not change
	std::deque<Chunk> expected_;
	std::deque<uint32_t> ready_; ///< files that have chunks to write and no thread that writes them
	size_t bytes_ = 0;           ///< size of the chunks that are not written yet
	size_t unwritten_ = 0;
	bool stopping_ = false, abandoned_ = false;
	std::optional<FileError> error_; ///< the first one
	GroupSync sync_;
	WorkerThreads threads_;
};

} // namespace etl
