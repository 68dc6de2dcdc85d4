#include "core/output/export_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/files/file_writer.h"

namespace etl
{

namespace
{

constexpr size_t buffer_size = 1 << 20;

/// Removes the framing of COPY's binary format: signature, flags and extension length (19 bytes);
/// then for each row a field count (2 bytes) and a length (4 bytes) with the field; then -1 as
/// field count. A stream may contain the output of several COPY commands.
class BinaryFraming
{
  public:
	explicit BinaryFraming(FileWriter &file) : file_(file) {}

	void feed(std::string_view bytes)
	{
		while (!bytes.empty())
		{
			if (field_left_ > 0)
			{
				const size_t part = std::min(field_left_, bytes.size());
				lines_.append(bytes.data(), part);
				bytes.remove_prefix(part);
				field_left_ -= part;
				if (field_left_ == 0)
					end_line();
				continue;
			}
			const size_t part = std::min(want_ - head_.size(), bytes.size());
			head_.append(bytes.data(), part);
			bytes.remove_prefix(part);
			if (head_.size() < want_)
				return;
			advance();
		}
	}
	void flush()
	{
		file_.write(lines_);
		lines_.clear();
	}

  private:
	enum class At
	{
		header,
		count,
		length
	};
	void expect(At at, size_t bytes)
	{
		at_ = at;
		want_ = bytes;
		head_.clear();
	}
	void end_line()
	{
		lines_ += '\n';
		if (lines_.size() >= buffer_size)
			flush();
		expect(At::count, 2);
	}
	void advance()
	{
		const auto byte = [&](size_t i) { return static_cast<unsigned char>(head_[i]); };
		if (at_ == At::header)
			expect(At::count, 2);
		else if (at_ == At::count)
		{
			const bool trailer = byte(0) == 0xff;
			expect(trailer ? At::header : At::length, trailer ? 19 : 4);
		}
		else
		{
			field_left_ = static_cast<size_t>(byte(0)) << 24 | static_cast<size_t>(byte(1)) << 16 |
						  static_cast<size_t>(byte(2)) << 8 | byte(3);
			if (field_left_ == 0)
				end_line();
		}
	}

	FileWriter &file_;
	std::string lines_, head_;
	At at_ = At::header;
	size_t want_ = 19, field_left_ = 0;
};

} // namespace

ExportWriter::ExportWriter()
{
	wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_ < 0)
		throw FileError(sqlstate::io_error,
						std::string("could not make an eventfd: ") + std::strerror(errno));
	try
	{
		thread_.start(1, [this](size_t) { work(); });
	}
	catch (...)
	{
		close(wake_);
		throw;
	}
}

ExportWriter::~ExportWriter()
{
	stop();
	close(wake_);
}

void
ExportWriter::stop()
{
	if (thread_.empty())
		return;
	{
		const std::lock_guard lock(mutex_);
		stopping_ = true;
	}
	(void)eventfd_write(wake_, 1);
	news_.notify_all();
	thread_.join();
	for (const Job &job : jobs_)
		close(job.fd);
	jobs_.clear();
}

int
ExportWriter::start(const std::string &path, bool gzip, Framing framing)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		throw FileError(sqlstate::io_error,
						std::string("could not make a pipe: ") + std::strerror(errno));
	// needs fewer context switches; the default size works too
	(void)fcntl(ends[1], F_SETPIPE_SZ, buffer_size);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK); // the thread waits in poll(), see read_some()
	{
		const std::lock_guard lock(mutex_);
		jobs_.push_back({ends[0], path, gzip, framing});
		++pending_;
	}
	news_.notify_all();
	return ends[1];
}

void
ExportWriter::work()
{
	for (;;)
	{
		Job job;
		{
			std::unique_lock lock(mutex_);
			news_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
			if (stopping_)
				return;
			job = jobs_.front();
			jobs_.pop_front();
		}
		std::optional<FileError> error;
		try
		{
			write_file(job);
		}
		catch (const Stopped &)
		{
			close(job.fd);
			return;
		}
		catch (const std::exception &e)
		{
			error = file_error_of(e, "writing the file");
		}
		if (error)
			drain(job.fd);
		close(job.fd);
		{
			const std::lock_guard lock(mutex_);
			--pending_;
			if (!error_)
				error_ = std::move(error);
		}
		news_.notify_all();
	}
}

/// Reads bytes from a pipe. Returns 0 at its end. Throws Stopped after stop(), because the end may
/// never come: when the backend exits, COPY may still have the other side open.
size_t
ExportWriter::read_some(int fd, char *buffer, size_t size)
{
	for (;;)
	{
		if (stopping_)
			throw Stopped{};
		const ssize_t got = read(fd, buffer, size);
		if (got >= 0)
			return static_cast<size_t>(got);
		if (errno == EAGAIN)
		{
			struct pollfd wait[] = {{fd, POLLIN, 0}, {wake_, POLLIN, 0}};
			(void)poll(wait, 2, -1);
		}
		else if (errno != EINTR)
			throw FileError(sqlstate::io_error,
							std::string("could not read from a pipe: ") + std::strerror(errno));
	}
}

/// Reads until the writing end is closed, so that COPY never blocks on a pipe that is not read.
void
ExportWriter::drain(int fd)
{
	std::vector<char> buffer(64 * 1024);
	try
	{
		while (read_some(fd, buffer.data(), buffer.size()) > 0)
			;
	}
	catch (...)
	{
		// the writer is stopping, or the pipe is broken: the data is not needed
	}
}

void
ExportWriter::write_file(const Job &job)
{
	FileWriter file(job.path, gzip_if(job.gzip));
	BinaryFraming framing(file);
	std::vector<char> buffer(buffer_size);
	for (;;)
	{
		const size_t got = read_some(job.fd, buffer.data(), buffer.size());
		if (got == 0)
			break;
		const std::string_view bytes(buffer.data(), got);
		if (job.framing == Framing::copy_binary)
			framing.feed(bytes);
		else
			file.write(bytes);
	}
	framing.flush();
	file.close();
}

bool
ExportWriter::finished()
{
	std::unique_lock lock(mutex_);
	return news_.wait_for(lock, std::chrono::milliseconds(100), [&] { return pending_ == 0; });
}

size_t
ExportWriter::pending()
{
	const std::lock_guard lock(mutex_);
	return pending_;
}

void
ExportWriter::check()
{
	const std::lock_guard lock(mutex_);
	if (error_)
		throw *error_;
}

} // namespace etl
