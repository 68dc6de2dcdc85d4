// Reading staged files: safe opening, decompression (gzip with ISA-L, zstd), and the hash of the
// bytes on disk.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/sqlstate.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/file_reader.h"
#include "core/files/gzip_header.h"
#include "core/files/zstd_reader.h"

namespace etl
{

namespace
{

constexpr size_t input_bytes = 256 * 1024;
/// Not PostgreSQL's data_corrupted (XX001), because the delivered file is damaged and not the
/// database.
constexpr const char *bad_file_format = sqlstate::bad_copy_file_format;

bool
same_file(const struct stat &a, const struct stat &b)
{
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
		   a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

struct FreeDigest
{
	void operator()(EVP_MD_CTX *context) const { EVP_MD_CTX_free(context); }
};

/// The window that RFC 8878 recommends every decompressor to support, 8 MB: each thread may need as
/// much memory.
constexpr int zstd_window_log = 23;

/// The bytes read of a zstd file, and the rest of them that is not decompressed yet.
struct ZstdInput
{
	ZstdReader reader{zstd_window_log};
	std::string bytes;
	std::string_view left;
	bool at_end = false;
};

struct Inflater
{
	inflate_state state;
	uint8_t input[input_bytes];
};

/// An inflater that is kept for the thread's next file: the first touch of a memory page costs more
/// than the work on the page (docs/explanation/performance.md, page faults).
thread_local std::unique_ptr<Inflater> spare_inflater;

} // namespace

struct FileReader::Impl
{
	/// The element of a gzip file that the next byte belongs to.
	enum class At
	{
		header,
		data, ///< and the trailer, which ISA-L checks
		end
	};

	const std::string path;
	const Content content;
	bool gzip = false;
	std::unique_ptr<ZstdInput> zstd;
	const uint64_t max_size;
	const size_t root;
	int fd = -1;
	struct stat opened
	{
	};
	std::unique_ptr<EVP_MD_CTX, FreeDigest> digest;
	std::array<uint8_t, 32> hash{};
	bool at_end = false;
	uint64_t in = 0, out = 0;

	std::unique_ptr<Inflater> inflater;
	inflate_state *inflate = nullptr; ///< part of `inflater`
	GzipHeader header;
	At at = At::header;
	bool in_header = false; ///< some bytes of the header were read
	bool first_member = true;
	size_t max_kept = 0; ///< 0: nothing is kept
	std::string kept;    ///< bytes of the file as on disk
	size_t data_begin = 0, members = 0;
	uint64_t prefix_size = 0; ///< 0: no prefix is expected
	std::optional<Sha256> prefix_hash;
	std::optional<uint64_t> prefix_out;

	/// the beginning of staged content, which is checked before read() returns it
	std::string head;
	size_t head_given = 0;
	bool head_read = false;

	Impl(const std::string &p, Content c, uint64_t max, size_t r)
		: path(p), content(c), max_size(max), root(r)
	{
	}
	~Impl()
	{
		if (fd >= 0)
			::close(fd);
		if (inflater && !spare_inflater)
			spare_inflater = std::move(inflater);
	}

	void open();
	void find_compression();
	void read_head();
	size_t read_content(char *buffer, size_t size);
	size_t read_zstd(char *buffer, size_t size);
	uint64_t expected_size() const;
	size_t read_raw(void *buffer, size_t size);
	void hash_read(const char *bytes, size_t size);
	Sha256 digest_so_far() const;
	bool fill();
	void check_unchanged();
	void finish();
	void count_out(size_t size);
	void forget_kept()
	{
		max_kept = 0;
		std::string().swap(kept);
	}
	uint64_t position() const { return in - inflate->avail_in; }
	[[noreturn]] void bad(const std::string &message);
	[[noreturn]] void ends_early();
	[[noreturn]] void damaged(const char *why);
	bool skip_padding();
	bool read_header();
	size_t read_gzip(char *buffer, size_t size);
	size_t inflate_some(uint8_t *buffer, size_t size);
};

void
FileReader::Impl::open()
{
	// O_NONBLOCK: opening a FIFO must not wait for a writer
	do
		fd = beneath::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, root);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 && errno == ELOOP)
		throw FileError(sqlstate::wrong_object_type, "not a regular file, but a symbolic link");
	if (fd < 0)
		throw system_error("could not open file", errno);
	if (fstat(fd, &opened) != 0)
		throw system_error("could not stat file", errno);
	if (!S_ISREG(opened.st_mode))
		throw FileError(sqlstate::wrong_object_type, S_ISDIR(opened.st_mode)
														 ? "not a regular file, but a directory"
														 : "not a regular file");
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); // only a hint: errors do not matter

	digest.reset(EVP_MD_CTX_new());
	if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1)
		throw std::runtime_error("libcrypto could not start SHA-256");
	find_compression();
	if (gzip)
	{
		inflater =
			spare_inflater ? std::move(spare_inflater) : std::make_unique_for_overwrite<Inflater>();
		inflate = &inflater->state;
		isal_inflate_init(inflate);
		inflate->avail_in = 0;
	}
}

void
FileReader::Impl::find_compression()
{
	gzip = content == Content::gzip;
	if (content != Content::staged)
		return;
	char magic[4];
	const ssize_t got = pread(fd, magic, sizeof magic, 0);
	if (got < 0)
		throw system_error("could not read file at byte 0", errno);
	const Compression found = compression_of({magic, static_cast<size_t>(got)});
	// an empty file with that name is an upload that was cut off before its first byte
	gzip = found == Compression::gzip || (got == 0 && path.ends_with(".gz"));
	if (found == Compression::zstd)
		zstd = std::make_unique<ZstdInput>();
}

uint64_t
FileReader::Impl::expected_size() const
{
	const uint64_t size = static_cast<uint64_t>(opened.st_size);
	uint8_t length[4];
	if (!gzip)
		return size;
	if (size < 18 || pread(fd, length, sizeof length, opened.st_size - 4) != sizeof length)
		return 0;
	const uint64_t said = length[0] | static_cast<uint64_t>(length[1]) << 8 |
						  static_cast<uint64_t>(length[2]) << 16 |
						  static_cast<uint64_t>(length[3]) << 24;
	return std::min(said, size * 1032); // the largest ratio that deflate can reach
}

size_t
FileReader::Impl::read_raw(void *buffer, size_t size)
{
	// Linux reads at most 2 GB at a time anyway
	size = std::min(size, size_t{1} << 30);
	ssize_t got;
	do
		got = ::read(fd, buffer, size);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		throw system_error("could not read file at byte " + std::to_string(in), errno);
	if (got > 0)
		hash_read(static_cast<const char *>(buffer), static_cast<size_t>(got));
	if (kept.size() + static_cast<size_t>(got) > max_kept)
		forget_kept();
	else
		kept.append(static_cast<const char *>(buffer), static_cast<size_t>(got));
	in += static_cast<uint64_t>(got);
	return static_cast<size_t>(got);
}

void
FileReader::Impl::hash_read(const char *bytes, size_t size)
{
	size_t done = 0;
	if (prefix_size > in && prefix_size - in <= size)
	{
		done = static_cast<size_t>(prefix_size - in);
		if (EVP_DigestUpdate(digest.get(), bytes, done) != 1)
			throw std::runtime_error("libcrypto could not compute SHA-256");
		prefix_hash = digest_so_far();
	}
	if (EVP_DigestUpdate(digest.get(), bytes + done, size - done) != 1)
		throw std::runtime_error("libcrypto could not compute SHA-256");
}

Sha256
FileReader::Impl::digest_so_far() const
{
	Sha256 found{};
	const std::unique_ptr<EVP_MD_CTX, FreeDigest> copy(EVP_MD_CTX_new());
	if (!copy || EVP_MD_CTX_copy_ex(copy.get(), digest.get()) != 1 ||
		EVP_DigestFinal_ex(copy.get(), found.data(), nullptr) != 1)
		throw std::runtime_error("libcrypto could not compute SHA-256");
	return found;
}

/// Reads into the empty input buffer. Returns false at the end of the file.
bool
FileReader::Impl::fill()
{
	inflate->next_in = inflater->input;
	inflate->avail_in = static_cast<uint32_t>(read_raw(inflater->input, input_bytes));
	return inflate->avail_in > 0;
}

/// Throws when a file was written, appended to or replaced while it was read: its content is not
/// reliable.
void
FileReader::Impl::check_unchanged()
{
	struct stat now, named;
	if (fstat(fd, &now) != 0)
		throw system_error("could not stat file", errno);
	if (!same_file(opened, now) || beneath::lstat(path, &named) != 0 || !same_file(opened, named))
		throw FileError(sqlstate::object_in_use, "file changed while it was read");
}

void
FileReader::Impl::finish()
{
	check_unchanged();
	if (in != static_cast<uint64_t>(opened.st_size))
		throw FileError(sqlstate::object_in_use, "file changed while it was read");
	unsigned size = 0;
	if (EVP_DigestFinal_ex(digest.get(), hash.data(), &size) != 1)
		throw std::runtime_error("libcrypto could not compute SHA-256");
	at_end = true;
}

void
FileReader::Impl::count_out(size_t size)
{
	out += size;
	if (out > max_size)
		throw FileError(sqlstate::program_limit_exceeded,
						std::string(gzip || zstd ? "file expands to" : "file has") + " more than " +
							std::to_string(max_size) + " bytes");
}

/// Throws `message`, unless the file was changed while it was read: then that is the error, because
/// the file may be complete the next time.
void
FileReader::Impl::bad(const std::string &message)
{
	check_unchanged();
	throw FileError(bad_file_format, message);
}

void
FileReader::Impl::ends_early()
{
	bad("gzip stream ends early at byte " + std::to_string(in));
}

void
FileReader::Impl::damaged(const char *why)
{
	bad("gzip data is damaged at byte " + std::to_string(position()) + " (" + why + ")");
}

/// Skips zero bytes up to the end of the file, which tapes and block devices append and gzip(1)
/// ignores, too. Returns false where another byte follows.
bool
FileReader::Impl::skip_padding()
{
	forget_kept(); // the file has more bytes than the gzip stream
	for (;;)
	{
		for (; inflate->avail_in > 0; ++inflate->next_in, --inflate->avail_in)
			if (*inflate->next_in != 0)
				return false;
		if (!fill())
			return true;
	}
}

/// Reads the header of a member. Returns false when the file ends where a member could begin.
bool
FileReader::Impl::read_header()
{
	if (!in_header && prefix_size != 0 && position() == prefix_size)
		prefix_out = out;
	for (;;)
	{
		if (inflate->avail_in == 0 && !fill())
		{
			if (in_header)
				ends_early();
			if (first_member)
				bad("not in gzip format: the file is empty");
			return false;
		}
		const uint64_t byte = position();
		const GzipHeader::State state = header.step(*inflate->next_in);
		if (state == GzipHeader::State::not_gzip)
		{
			if (first_member)
				bad("not in gzip format");
			if (!in_header && skip_padding())
				return false;
			bad("trailing garbage after the gzip data at byte " +
				std::to_string(in_header ? byte - 1 : byte));
		}
		if (state == GzipHeader::State::unsupported)
			bad("unsupported gzip compression method at byte " + std::to_string(byte));
		if (state == GzipHeader::State::damaged)
			damaged("header");
		++inflate->next_in;
		--inflate->avail_in;
		in_header = true;
		if (state == GzipHeader::State::complete)
			break;
	}
	uint8_t *const next_in = inflate->next_in;
	const uint32_t avail_in = inflate->avail_in;
	isal_inflate_reset(inflate);
	inflate->next_in = next_in;
	inflate->avail_in = avail_in;
	inflate->crc_flag = ISAL_GZIP_NO_HDR_VER;
	header = GzipHeader();
	in_header = false;
	first_member = false;
	if (++members == 1)
		data_begin = static_cast<size_t>(position());
	else
		forget_kept();
	return true;
}

/// Inflates into buffer until it is full, the input is used up or the member ends.
size_t
FileReader::Impl::inflate_some(uint8_t *buffer, size_t size)
{
	const uint32_t before = inflate->avail_in;
	inflate->next_out = buffer;
	inflate->avail_out = static_cast<uint32_t>(std::min(size, size_t{1} << 30));
	const uint32_t room = inflate->avail_out;
	switch (isal_inflate(inflate))
	{
	case ISAL_DECOMP_OK:
	case ISAL_END_INPUT:
	case ISAL_OUT_OVERFLOW:
		break;
	case ISAL_INVALID_BLOCK:
		damaged("invalid block");
	case ISAL_INVALID_SYMBOL:
		damaged("invalid symbol");
	case ISAL_INVALID_LOOKBACK:
		damaged("reference to before the beginning");
	case ISAL_INCORRECT_CHECKSUM:
		damaged("checksum or length does not match");
	default:
		damaged("invalid data");
	}
	const size_t produced = room - inflate->avail_out;
	if (inflate->block_state == ISAL_BLOCK_FINISH)
		at = At::header;
	else if (inflate->avail_out > 0 && inflate->avail_in > 0 && produced == 0 &&
			 inflate->avail_in == before)
		damaged("no progress");
	return produced;
}

size_t
FileReader::Impl::read_gzip(char *buffer, size_t size)
{
	size_t done = 0;
	while (done < size && at != At::end)
	{
		if (at == At::header)
		{
			at = read_header() ? At::data : At::end;
			continue;
		}
		const size_t produced =
			inflate_some(reinterpret_cast<uint8_t *>(buffer) + done, size - done);
		done += produced;
		count_out(produced);
		// the buffer is not full and the member has not ended: more input is needed
		if (at == At::data && done < size && inflate->avail_in == 0 && !fill())
			ends_early();
	}
	return done;
}

size_t
FileReader::Impl::read_zstd(char *buffer, size_t size)
{
	size_t done = 0;
	while (done == 0)
	{
		if (zstd->left.empty() && !zstd->at_end)
		{
			zstd->bytes.resize(input_bytes);
			zstd->left = {zstd->bytes.data(), read_raw(zstd->bytes.data(), zstd->bytes.size())};
			zstd->at_end = zstd->left.empty();
		}
		const size_t before = zstd->left.size();
		if (!zstd->reader.step(zstd->left, buffer, size, done))
			bad(zstd->reader.window_too_large()
					? "zstd data has a window of more than 8 MB, which is not supported"
					: "zstd data is damaged at byte " + std::to_string(in - zstd->left.size()));
		// known only where a frame ends together with the prefix
		if (zstd->reader.at_frame_end() && in - zstd->left.size() == prefix_size)
			prefix_out = out + done;
		if (done > 0 || before > zstd->left.size() || (before == 0 && !zstd->at_end))
			continue;
		if (before > 0)
			bad("zstd data is damaged at byte " + std::to_string(in - zstd->left.size()));
		if (!zstd->reader.at_frame_end())
			bad("zstd stream ends early at byte " + std::to_string(in));
		break;
	}
	count_out(done);
	return done;
}

/// Returns decompressed bytes; 0 at the end.
size_t
FileReader::Impl::read_content(char *buffer, size_t size)
{
	// one byte more than allowed shows that the limit is exceeded
	if ((gzip || zstd) && max_size - out < size)
		size = static_cast<size_t>(max_size - out + 1);
	if (gzip)
		return read_gzip(buffer, size);
	if (zstd)
		return read_zstd(buffer, size);
	const size_t got = read_raw(buffer, size);
	count_out(got);
	return got;
}

/// Checks the beginning of the content before any of it is returned: a file of another format is to
/// give one error, not one for each of its lines.
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
		bad("the file holds " + format +
			", which cannot be read; what can is text in UTF-8, plain or compressed by gzip or "
			"zstd");
}

FileReader::FileReader(const std::string &path, Content content, uint64_t max_size, size_t root)
	: impl_(new Impl(path, content, max_size, root))
{
	try
	{
		impl_->open();
	}
	catch (...)
	{
		delete impl_;
		throw;
	}
}

FileReader::~FileReader()
{
	delete impl_;
}

uint64_t
FileReader::expected_size() const
{
	return impl_->expected_size();
}

void
FileReader::expect_prefix(uint64_t size)
{
	impl_->prefix_size = size;
	if (!impl_->gzip && !impl_->zstd)
		impl_->prefix_out = size;
}

std::optional<Sha256>
FileReader::prefix_sha256() const
{
	return impl_->prefix_hash;
}

std::optional<uint64_t>
FileReader::prefix_text_size() const
{
	return impl_->prefix_out;
}

size_t
FileReader::read(char *buffer, size_t size)
{
	if (impl_->at_end || size == 0)
		return 0;
	if (impl_->content == Content::staged && !impl_->head_read)
		impl_->read_head();
	if (impl_->head_given < impl_->head.size())
	{
		const size_t given = std::min(size, impl_->head.size() - impl_->head_given);
		std::memcpy(buffer, impl_->head.data() + impl_->head_given, given);
		impl_->head_given += given;
		return given;
	}
	const size_t got = impl_->read_content(buffer, size);
	if (got == 0)
		impl_->finish();
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
	impl_->max_kept = max_size;
}

std::optional<SealedText>
FileReader::take_stream()
{
	Impl &file = *impl_;
	constexpr size_t trailer_bytes = 8;
	if (!file.gzip || !file.at_end || file.members != 1 ||
		file.kept.size() < file.data_begin + trailer_bytes)
		return std::nullopt;
	uint32_t trailer[2] = {};
	for (size_t i = 0; i < trailer_bytes; ++i)
		trailer[i / 4] |= static_cast<uint32_t>(
							  static_cast<uint8_t>(file.kept[file.kept.size() - trailer_bytes + i]))
						  << 8 * (i % 4);
	file.kept.erase(file.kept.size() - trailer_bytes);
	file.kept.erase(0, file.data_begin);
	file.kept.shrink_to_fit();
	return SealedText{std::move(file.kept), trailer[0], trailer[1], true};
}

uint64_t
FileReader::size_on_disk() const
{
	return impl_->in;
}

FileIdentity
FileReader::identity() const
{
	const struct stat &info = impl_->opened;
	return {static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
			static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec};
}

std::array<uint8_t, 32>
FileReader::sha256() const
{
	if (!impl_->at_end)
		throw std::logic_error("FileReader::sha256 before the end of the file");
	return impl_->hash;
}

uint64_t
FileReader::bytes_out() const
{
	return impl_->out;
}

} // namespace etl
