#include "core/files/file_reader.h"

#include <cerrno>

#include "core/base/sqlstate.h"
#include "core/files/gzip_file.h"
#include "core/files/source_file.h"
#include "core/files/zstd_file.h"

namespace etl
{

struct FileReader::Impl
{
	const Content content;
	const uint64_t max_size;
	SourceFile file;
	// apart from this object, which stays small: with them inside, the arena of a staging thread
	// kept some MB that malloc gives back otherwise (measured by test/tap/060_hostile.pl)
	std::unique_ptr<GzipFile> gzip; ///< if the file is decompressed as gzip
	std::unique_ptr<ZstdFile> zstd; ///< if the file is decompressed as zstd
	uint64_t bytes_out = 0;
	/// The beginning of staged text, which is looked at before it is returned.
	std::string head;
	size_t head_given = 0;
	bool head_read = false;

	Impl(const std::string &path, Content c, uint64_t max, size_t root)
		: content(c), max_size(max), file(path, root)
	{
		find_compression();
	}

	void find_compression();
	void read_head();
	size_t read_content(char *buffer, size_t size);
	void count_out(size_t size);
};

void
FileReader::Impl::find_compression()
{
	if (content == Content::gzip)
		gzip = std::make_unique<GzipFile>(file);
	if (content != Content::staged)
		return;
	char magic[4];
	const ssize_t got = file.look_at(0, magic, sizeof magic);
	if (got < 0)
		throw system_error("could not read file at byte 0", errno);
	const Compression found = compression_of({magic, static_cast<size_t>(got)});
	// an empty .gz file is an upload that was interrupted before its first byte
	if (found == Compression::gzip || (got == 0 && file.path().ends_with(".gz")))
		gzip = std::make_unique<GzipFile>(file);
	else if (found == Compression::zstd)
		zstd = std::make_unique<ZstdFile>(file);
}

void
FileReader::Impl::count_out(size_t size)
{
	bytes_out += size;
	if (bytes_out > max_size)
		throw FileError(sqlstate::program_limit_exceeded,
						std::string(gzip || zstd ? "file expands to" : "file has") + " more than " +
							std::to_string(max_size) + " bytes");
}

/// Reads decompressed bytes. Returns 0 at the end.
size_t
FileReader::Impl::read_content(char *buffer, size_t size)
{
	// one byte more than allowed is enough to find that the file is too large
	if ((gzip || zstd) && max_size - bytes_out < size)
		size = static_cast<size_t>(max_size - bytes_out + 1);
	const size_t got = gzip   ? gzip->read(buffer, size)
					   : zstd ? zstd->read(buffer, size)
							  : file.read(buffer, size);
	count_out(got);
	return got;
}

/// Looks at the beginning before it is returned, so that a file in a foreign format is one error
/// and not one for each of its lines.
void
FileReader::Impl::read_head()
{
	head_read = true;
	head.resize(format_head_bytes);
	size_t size = 0;
	while (size < head.size())
	{
		const size_t got = read_content(head.data() + size, head.size() - size);
		if (got == 0)
			break;
		size += got;
	}
	head.resize(size);
	if (const std::string format = foreign_format(head); !format.empty())
		file.refuse("the file holds " + format +
					", which cannot be read; what can is text in UTF-8, plain or compressed by "
					"gzip or zstd");
}

FileReader::FileReader(const std::string &path, Content content, uint64_t max_size, size_t root)
	: impl_(std::make_unique<Impl>(path, content, max_size, root))
{
}

FileReader::~FileReader() = default;

uint64_t
FileReader::expected_size() const
{
	return impl_->gzip ? GzipFile::length_in_trailer(impl_->file) : impl_->file.size();
}

void
FileReader::expect_prefix(uint64_t size)
{
	impl_->file.expect_prefix(size);
}

std::optional<Sha256>
FileReader::prefix_sha256() const
{
	return impl_->file.prefix_sha256();
}

std::optional<uint64_t>
FileReader::prefix_text_size() const
{
	return impl_->gzip   ? impl_->gzip->prefix_text_size()
		   : impl_->zstd ? impl_->zstd->prefix_text_size()
						 : impl_->file.prefix_size();
}

size_t
FileReader::read(char *buffer, size_t size)
{
	if (impl_->file.is_finished() || size == 0)
		return 0;
	if (impl_->content == Content::staged && !impl_->head_read)
		impl_->read_head();
	if (impl_->head_given < impl_->head.size())
	{
		const size_t given = impl_->head.copy(buffer, size, impl_->head_given);
		impl_->head_given += given;
		return given;
	}
	const size_t got = impl_->read_content(buffer, size);
	if (got == 0)
		impl_->file.finish();
	return got;
}

Compression
FileReader::compression() const
{
	return impl_->gzip ? Compression::gzip : impl_->zstd ? Compression::zstd : Compression::none;
}

void
FileReader::keep_stream(size_t max_size)
{
	impl_->file.keep(max_size);
}

std::optional<SealedText>
FileReader::take_stream()
{
	if (!impl_->gzip || !impl_->file.is_finished())
		return std::nullopt;
	return impl_->gzip->take_stream();
}

uint64_t
FileReader::size_on_disk() const
{
	return impl_->file.bytes_read();
}

FileIdentity
FileReader::identity() const
{
	return impl_->file.identity();
}

std::array<uint8_t, 32>
FileReader::sha256() const
{
	return impl_->file.sha256();
}

uint64_t
FileReader::bytes_out() const
{
	return impl_->bytes_out;
}

} // namespace etl
