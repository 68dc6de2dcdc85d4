#include "core/output/processed_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <isa-l/crc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/compressed_text.h"
#include "core/files/deflater.h"
#include "core/files/file_error.h"

namespace etl
{

namespace
{

constexpr size_t pipe_bytes = 1 << 20;
/// Limit for the bytes that wait to be compressed. Beyond it the pipe becomes full and COPY waits.
constexpr size_t max_waiting_bytes = 16 << 20;

/// Reads a pipe: many small rows with one call, and large rows directly to their destination.
class PipeReader
{
  public:
	/// `wake` becomes readable when the contents of the pipe are not needed any more. The end of
	/// the pipe may never come: when the backend exits, COPY may still have the other side open.
	PipeReader(int fd, int wake) : fd_(fd), wake_(wake), buffer_(256 * 1024) {}

	/// Reads the rest of the pipe and discards it.
	void drain()
	{
		while (read_some(buffer_.data(), buffer_.size()) > 0)
			;
	}
	/// Returns false at the end of the pipe.
	bool read(char *to, size_t size)
	{
		while (size > 0)
		{
			if (at_ == end_ && size < buffer_.size())
			{
				end_ = read_some(buffer_.data(), buffer_.size());
				at_ = 0;
				if (end_ == 0)
					return false;
			}
			if (at_ < end_)
			{
				const size_t part = std::min(size, end_ - at_);
				std::memcpy(to, buffer_.data() + at_, part);
				at_ += part;
				to += part;
				size -= part;
				continue;
			}
			const size_t got = read_some(to, size);
			if (got == 0)
				return false;
			to += got;
			size -= got;
		}
		return true;
	}

  private:
	size_t read_some(char *to, size_t size)
	{
		for (;;)
		{
			const ssize_t got = ::read(fd_, to, size);
			if (got >= 0)
				return static_cast<size_t>(got);
			if (errno == EAGAIN)
			{
				struct pollfd wait[] = {{fd_, POLLIN, 0}, {wake_, POLLIN, 0}};
				(void)poll(wait, 2, -1);
				if ((wait[1].revents & POLLIN) != 0)
					return 0;
			}
			else if (errno != EINTR)
				throw system_error("could not read from a pipe", errno);
		}
	}

	int fd_, wake_;
	std::vector<char> buffer_;
	size_t at_ = 0, end_ = 0;
};

void
write_to_file(int fd, std::string_view bytes)
{
	if (!write_fully(fd, bytes))
		throw system_error("could not write to file", errno);
}

} // namespace

/// Makes one gzip member (RFC 1952) from the chunks of a file. Each chunk is compressed
/// independently (or was compressed before), so only the checksum and the length are carried from
/// one chunk to the next, and a thread needs one set of buffers for all files.
class ProcessedWriter::Compressor
{
  public:
	void write(File &file, const Piece &piece)
	{
		out_.clear();
		deflater_.reset();
		if (!file.begun)
		{
			file.begun = true;
			static constexpr char header[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
			out_.append(header, sizeof header - 1);
		}
		if (!piece.sealed)
			add_lines(file, piece.bytes);
		else if (piece.sealed->without.empty())
			add_sealed(file, piece);
		else
			add_lines(file,
					  without(open_sealed(piece.bytes, piece.sealed->size), piece.sealed->without));
		if (!file.ended)
			deflater_.end_part(piece.last, out_);
		if (piece.last)
			for (const uint32_t number : {file.crc, file.size})
				for (int i = 0; i < 4; ++i)
					out_ += static_cast<char>(number >> (8 * i));
		write_to_file(file.fd, {reinterpret_cast<const char *>(out_.data()), out_.size()});
	}

  private:
	void add_lines(File &file, std::string_view lines)
	{
		file.crc = crc32_gzip_refl(file.crc, reinterpret_cast<const unsigned char *>(lines.data()),
								   lines.size());
		file.size += static_cast<uint32_t>(lines.size());
		deflater_.add(lines, out_);
	}
	void add_sealed(File &file, const Piece &piece)
	{
		file.crc = static_cast<uint32_t>(
			crc32_combine(file.crc, piece.sealed->crc, static_cast<z_off_t>(piece.sealed->size)));
		file.size += piece.sealed->size;
		file.ended = piece.sealed->whole;
		out_ += piece.bytes;
	}
	static std::string without(std::string lines, const std::vector<uint32_t> &numbers)
	{
		size_t to = 0, from = 0, next = 0;
		for (uint32_t line = 0; from < lines.size(); ++line)
		{
			const size_t size = lines.find('\n', from) + 1 - from;
			if (next < numbers.size() && numbers[next] == line)
				++next;
			else
			{
				lines.replace(to, size, lines, from, size);
				to += size;
			}
			from += size;
		}
		lines.resize(to);
		return lines;
	}

	Deflater deflater_;
	std::string out_;
};

ProcessedWriter::ProcessedWriter(unsigned threads)
	: sync_([this](size_t, const FileError &error) { fail(error); })
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		throw system_error("could not make a pipe", errno);
	read_end_ = ends[0];
	pipe_ = ends[1];
	(void)fcntl(read_end_, F_SETFL, O_NONBLOCK); // the reader waits in poll()
	wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_ < 0)
	{
		const int error = errno;
		close(pipe_);
		close(read_end_);
		throw system_error("could not make an eventfd", error);
	}
	// needs fewer context switches; the default size works too
	(void)fcntl(pipe_, F_SETPIPE_SZ, pipe_bytes);
	try
	{
		start_threads(1, &ProcessedWriter::read_pipe);
		start_threads(std::max(1u, threads), &ProcessedWriter::write);
	}
	catch (...)
	{
		stop();
		throw;
	}
}

ProcessedWriter::~ProcessedWriter()
{
	stop();
}

void
ProcessedWriter::stop()
{
	if (pipe_ < 0)
		return;
	{
		const std::lock_guard lock(mutex_);
		abandoned_ = unwritten_ > 0;
		stopping_ = true;
	}
	sync_.stop(); // gives up files that are not synced yet, because they are not needed any more
	close(pipe_); // the reader reaches the end of the pipe, or at least wakes up
	pipe_ = -1;
	(void)eventfd_write(wake_, 1);
	ready_news_.notify_all();
	room_.notify_all();
	threads_.join();
	close(read_end_);
	close(wake_);
	for (File &file : files_)
		if (file.fd >= 0)
		{
			close(file.fd);
			file.fd = -1;
		}
}

void
ProcessedWriter::start_threads(unsigned count, void (ProcessedWriter::*body)())
{
	threads_.start(count,
				   [this, body](size_t)
				   {
					   const beneath::KeepOpen keep_roots(beneath::Folders::roots);
					   (this->*body)();
				   });
}

uint32_t
ProcessedWriter::add_file(const std::string &path, bool gzip)
{
	const std::lock_guard lock(mutex_);
	File &file = files_.emplace_back();
	file.path = path;
	file.gzip = gzip;
	return static_cast<uint32_t>(files_.size() - 1);
}

void
ProcessedWriter::expect(std::vector<Chunk> chunks)
{
	const std::lock_guard lock(mutex_);
	expected_.insert(expected_.end(), std::make_move_iterator(chunks.begin()),
					 std::make_move_iterator(chunks.end()));
	unwritten_ += chunks.size();
}

void
ProcessedWriter::end_file(uint32_t file)
{
	// COPY has returned, but the reader may not have read all chunks of the file yet
	{
		const std::lock_guard lock(mutex_);
		for (auto chunk = expected_.rbegin(); chunk != expected_.rend(); ++chunk)
			if (chunk->file == file)
			{
				chunk->last = true;
				return;
			}
		++unwritten_;
	}
	put(file, {{}, true, std::nullopt});
}

void
ProcessedWriter::fail(const FileError &error)
{
	const std::lock_guard lock(mutex_);
	if (!error_)
		error_ = error;
}

/// The function of the reader thread. After an error it continues to read, so that COPY never waits
/// for a pipe that is not read.
void
ProcessedWriter::read_pipe()
{
	try
	{
		read_chunks();
		return;
	}
	catch (const std::exception &e)
	{
		fail(file_error_of(e, "reading from a pipe"));
	}
	try
	{
		PipeReader(read_end_, wake_).drain();
	}
	catch (const std::exception &)
	{
		// the pipe is broken, and the data is not needed any more
	}
}

/// Waits for free space and returns the announced chunk of the row that was just read.
ProcessedWriter::Chunk
ProcessedWriter::next_expected()
{
	std::unique_lock lock(mutex_);
	room_.wait(lock, [&] { return bytes_ < max_waiting_bytes || stopping_; });
	if (expected_.empty())
		throw FileError(sqlstate::internal_error, "COPY wrote more rows than were announced");
	Chunk chunk = std::move(expected_.front());
	expected_.pop_front();
	return chunk;
}

/// The framing of COPY's binary format: signature, flags and extension length (19 bytes); then for
/// each row a field count (2 bytes) and a length (4 bytes) with the field; then -1 as field count.
/// The pipe contains the output of several COPY commands, one after the other.
void
ProcessedWriter::read_chunks()
{
	PipeReader pipe(read_end_, wake_);
	std::array<unsigned char, 19> head;
	const auto read = [&](size_t size)
	{ return pipe.read(reinterpret_cast<char *>(head.data()), size); };
	while (read(19))
		while (read(2) && head[0] != 0xff)
		{
			if (!read(4))
				return;
			const size_t size = static_cast<size_t>(head[0]) << 24 |
								static_cast<size_t>(head[1]) << 16 |
								static_cast<size_t>(head[2]) << 8 | head[3];
			std::string bytes;
			bytes.resize(size);
			if (!pipe.read(bytes.data(), size))
				return;
			Chunk chunk = next_expected();
			put(chunk.file, {std::move(bytes), chunk.last, std::move(chunk.sealed)});
		}
}

void
ProcessedWriter::put(uint32_t index, Piece piece)
{
	{
		const std::lock_guard lock(mutex_);
		File &file = files_[index];
		bytes_ += piece.bytes.size();
		file.pieces.push_back(std::move(piece));
		if (file.busy)
			return;
		file.busy = true;
		ready_.push_back(index);
	}
	ready_news_.notify_one();
}

/// The function of a writing thread.
void
ProcessedWriter::write()
{
	Compressor compressor;
	std::unique_lock lock(mutex_);
	for (;;)
	{
		ready_news_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
		if (ready_.empty())
			return;
		File &file = files_[ready_.front()];
		ready_.pop_front();
		while (!file.pieces.empty())
		{
			const Piece piece = std::move(file.pieces.front());
			file.pieces.pop_front();
			const bool skip = error_ || abandoned_;
			lock.unlock();
			if (!skip)
				try
				{
					write_piece(file, piece, compressor);
				}
				catch (const std::exception &e)
				{
					fail(file_error_of(e, "writing the file"));
				}
			if (piece.last && file.fd >= 0)
				sync_.add(std::exchange(file.fd, -1), 0);
			lock.lock();
			bytes_ -= piece.bytes.size();
			--unwritten_;
			room_.notify_one();
		}
		file.busy = false;
		if (unwritten_ == 0)
			done_.notify_all();
	}
}

void
ProcessedWriter::write_piece(File &file, const Piece &piece, Compressor &compressor)
{
	if (file.fd < 0)
	{
		do
			file.fd = ::open(file.path.c_str(),
							 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
		while (file.fd < 0 && errno == EINTR);
		if (file.fd < 0)
			throw system_error("could not create file", errno);
	}
	if (file.gzip)
		compressor.write(file, piece);
	else
		write_to_file(file.fd,
					  {reinterpret_cast<const char *>(piece.bytes.data()), piece.bytes.size()});
}

bool
ProcessedWriter::finished()
{
	{
		std::unique_lock lock(mutex_);
		if (!done_.wait_for(lock, std::chrono::milliseconds(100), [&] { return unwritten_ == 0; }))
			return false;
	}
	sync_.flush();
	return sync_.wait(std::chrono::milliseconds(100));
}

void
ProcessedWriter::check()
{
	const std::lock_guard lock(mutex_);
	if (error_)
		throw *error_;
}

} // namespace etl
