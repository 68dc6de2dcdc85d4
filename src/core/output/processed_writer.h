// Threads that turn what COPY writes into one pipe into many processed files, on disk and synced.
//
// The main thread announces chunks of files and lets one COPY (FORMAT binary, one bytea column)
// write them into the pipe, in that order: one row is one chunk. A reader thread takes the framing
// off and hands each chunk to its file; workers compress and write, one at a time for each file;
// what is complete is synced, many files at a time.
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
	/// What a row is that holds a sealed text's deflated bytes (core/files/compressed_text.h). Its
	/// file must be gzip.
	struct Sealed
	{
		uint32_t crc, size;
		std::vector<uint32_t> without; ///< lines that the file does not get, from 0, in order
		bool whole = false;            ///< SealedText::whole: the file has no other chunk
	};
	/// A row of COPY's output.
	struct Chunk
	{
		uint32_t file;
		bool last;                                   ///< the file ends with it
		std::optional<Sealed> sealed = std::nullopt; ///< none: lines
	};

	/// threads: that compress.
	explicit ProcessedWriter(unsigned threads);
	/// stop()
	~ProcessedWriter();
	ProcessedWriter(const ProcessedWriter &) = delete;
	ProcessedWriter &operator=(const ProcessedWriter &) = delete;

	/// Gives up what is not written yet and joins the threads, even while COPY still has the
	/// writing end of the pipe open. Files that are not complete are left to the caller to remove.
	void stop();
	/// Where COPY writes to.
	int pipe() const { return pipe_; }
	/// A new file (O_EXCL, mode 0600). It is created with its first chunk.
	uint32_t add_file(const std::string &path, bool gzip);
	/// Announces what the next COPY writes.
	void expect(std::vector<Chunk> chunks);
	/// Ends a file that has chunks, none of which was its last.
	void end_file(uint32_t file);
	/// True when all that was announced is written, and synced where its file has ended. Waits up
	/// to 100 ms for it.
	bool finished();
	/// Throws FileError when a file could not be written.
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
		bool begun = false;         ///< has its gzip header
		bool ended = false;         ///< its deflate stream has
		uint32_t crc = 0, size = 0; ///< of the gzip trailer
		std::list<Piece> pieces;    // an empty deque takes 600 bytes
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
	std::deque<File> files_; ///< addresses stay
	std::deque<Chunk> expected_;
	std::deque<uint32_t> ready_; ///< files with pieces that no thread is at
	size_t bytes_ = 0;           ///< of pieces not yet written
	size_t unwritten_ = 0;
	bool stopping_ = false, abandoned_ = false;
	std::string error_, sqlstate_;
	GroupSync sync_;
	WorkerThreads threads_;
};

} // namespace etl
