// Creates new private files, compresses their contents and syncs them on close.

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/base/write_fully.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_writer.h"
#include "core/files/zstd_writer.h"

namespace etl
{

namespace
{

/// Lines are collected up to this size before they are compressed or written.
constexpr size_t pending_bytes = 256 * 1024;
constexpr size_t output_bytes = 256 * 1024;

} // namespace

struct FileWriter::Impl
{
	const std::string path;
	int fd = -1;
	bool failed = false;
	std::string pending;
	std::unique_ptr<isal_zstream> stream; ///< only for gzip
	std::unique_ptr<ZstdWriter> zstd;
	std::unique_ptr<uint8_t[]> level_buffer, output;

	explicit Impl(const std::string &p) : path(p) {}

	void open(Compression compression);
	[[noreturn]] void fail(const char *what, int error);
	void write_raw(const void *bytes, size_t size);
	void put(std::string_view bytes, bool last);
	void finish();
	void close();
	void remove();
};

void
FileWriter::Impl::open(Compression compression)
{
	if (compression == Compression::zstd)
		zstd = std::make_unique<ZstdWriter>();
	if (compression == Compression::gzip)
	{
		stream = std::make_unique<isal_zstream>();
		isal_deflate_init(stream.get());
		level_buffer = std::make_unique_for_overwrite<uint8_t[]>(ISAL_DEF_LVL1_DEFAULT);
		output = std::make_unique_for_overwrite<uint8_t[]>(output_bytes);
		stream->level = 1;
		stream->level_buf = level_buffer.get();
		stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
		stream->gzip_flag = IGZIP_GZIP;
		stream->flush = NO_FLUSH;
		stream->end_of_stream = 0;
	}
	// the file is created last, because an exception after this point would leave it behind
	do
		fd = beneath::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		throw system_error("could not create file", errno);
}

void
FileWriter::Impl::fail(const char *what, int error)
{
	failed = true;
	throw system_error(what, error);
}

void
FileWriter::Impl::write_raw(const void *bytes, size_t size)
{
	if (!write_fully(fd, {static_cast<const char *>(bytes), size}))
		fail("could not write to file", errno);
}

/// Compresses the bytes if the file is compressed, and writes them.
void
FileWriter::Impl::put(std::string_view bytes, bool last)
{
	if (zstd)
	{
		if (!zstd->put(bytes, last,
					   [&](std::string_view part) { write_raw(part.data(), part.size()); }))
		{
			failed = true;
			throw FileError(sqlstate::io_error, "could not compress file");
		}
		return;
	}
	if (!stream)
	{
		write_raw(bytes.data(), bytes.size());
		return;
	}
	do
	{
		const size_t part = std::min(bytes.size(), size_t{1} << 30);
		stream->next_in = reinterpret_cast<uint8_t *>(const_cast<char *>(bytes.data()));
		stream->avail_in = static_cast<uint32_t>(part);
		bytes.remove_prefix(part);
		stream->end_of_stream = last && bytes.empty() ? 1 : 0;
		do
		{
			stream->next_out = output.get();
			stream->avail_out = output_bytes;
			if (isal_deflate(stream.get()) != COMP_OK)
			{
				failed = true;
				throw FileError(sqlstate::io_error, "could not compress file");
			}
			write_raw(output.get(), output_bytes - stream->avail_out);
		} while (stream->avail_in > 0 || stream->avail_out == 0 ||
				 (stream->end_of_stream == 1 && stream->internal_state.state != ZSTATE_END));
	} while (!bytes.empty());
}

void
FileWriter::Impl::finish()
{
	put(pending, true);
	pending.clear();
}

void
FileWriter::Impl::close()
{
	finish();
	int result;
	do
		result = fsync(fd);
	while (result != 0 && errno == EINTR);
	if (result != 0)
		fail("could not fsync file", errno);
	const int closing = fd;
	fd = -1;
	// Linux closes the descriptor even if a signal interrupts close()
	if (::close(closing) != 0 && errno != EINTR)
	{
		const int error = errno;
		beneath::unlink(path);
		fail("could not close file", error);
	}
}

void
FileWriter::Impl::remove()
{
	if (fd < 0)
		return;
	::close(fd);
	beneath::unlink(path);
}

FileWriter::FileWriter(const std::string &path, Compression compression) : impl_(new Impl(path))
{
	try
	{
		impl_->pending.reserve(pending_bytes);
		impl_->open(compression);
	}
	catch (...)
	{
		delete impl_;
		throw;
	}
}

FileWriter::~FileWriter()
{
	impl_->remove();
	delete impl_;
}

void
FileWriter::write(std::string_view bytes)
{
	if (impl_->fd < 0 || impl_->failed)
		throw std::logic_error("FileWriter::write after close or an error");
	if (impl_->pending.size() + bytes.size() > pending_bytes)
	{
		impl_->put(impl_->pending, false);
		impl_->pending.clear();
	}
	if (bytes.size() >= pending_bytes)
		impl_->put(bytes, false);
	else
		impl_->pending.append(bytes);
}

void
FileWriter::close()
{
	if (impl_->failed)
		throw std::logic_error("FileWriter::close after an error");
	if (impl_->fd >= 0)
		impl_->close();
}

void
FileWriter::finish()
{
	if (impl_->fd < 0 || impl_->failed)
		throw std::logic_error("FileWriter::finish after close or an error");
	impl_->finish();
}

int
FileWriter::release()
{
	return std::exchange(impl_->fd, -1);
}

} // namespace etl
