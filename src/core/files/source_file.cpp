#include "core/files/source_file.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"

namespace etl
{

namespace
{

bool
same_file(const struct stat &a, const struct stat &b)
{
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
		   a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

void
require(int result)
{
	if (result != 1)
		throw std::runtime_error("libcrypto could not compute SHA-256");
}

} // namespace

void
SourceFile::FreeDigest::operator()(evp_md_ctx_st *context) const
{
	EVP_MD_CTX_free(context);
}

SourceFile::SourceFile(std::string path, size_t root) : path_(std::move(path))
{
	// not blocking, because opening a FIFO would wait until another process writes to it
	do
		fd_ = ScopedFd(beneath::open(path_, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, root));
	while (!fd_ && errno == EINTR);
	if (!fd_ && errno == ELOOP)
		throw FileError(sqlstate::wrong_object_type, "not a regular file, but a symbolic link");
	if (!fd_)
		throw system_error("could not open file", errno);
	if (fstat(fd_.get(), &opened_) != 0)
		throw system_error("could not stat file", errno);
	if (!S_ISREG(opened_.st_mode))
		throw FileError(sqlstate::wrong_object_type, S_ISDIR(opened_.st_mode)
														 ? "not a regular file, but a directory"
														 : "not a regular file");
	(void)posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL); // only a hint, so it may fail

	digest_.reset(EVP_MD_CTX_new());
	if (!digest_ || EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1)
		throw std::runtime_error("libcrypto could not start SHA-256");
}

SourceFile::~SourceFile() = default;

FileIdentity
SourceFile::identity() const
{
	return {static_cast<uint64_t>(opened_.st_ino), static_cast<uint64_t>(opened_.st_size),
			static_cast<int64_t>(opened_.st_mtim.tv_sec) * 1000000000 + opened_.st_mtim.tv_nsec};
}

ssize_t
SourceFile::look_at(uint64_t at, void *buffer, size_t size) const
{
	return pread(fd_.get(), buffer, size, static_cast<off_t>(at));
}

size_t
SourceFile::read(void *buffer, size_t size)
{
	// Linux reads at most 2 GB at a time
	size = std::min(size, size_t{1} << 30);
	ssize_t result;
	do
		result = ::read(fd_.get(), buffer, size);
	while (result < 0 && errno == EINTR);
	if (result < 0)
		throw system_error("could not read file at byte " + std::to_string(bytes_read_), errno);
	const size_t got = static_cast<size_t>(result);
	const char *const bytes = static_cast<const char *>(buffer);
	if (got > 0)
		hash(bytes, got);
	if (kept_.size() + got > max_kept_)
		forget_kept();
	else
		kept_.append(bytes, got);
	bytes_read_ += got;
	return got;
}

void
SourceFile::hash(const char *bytes, size_t size)
{
	size_t done = 0;
	if (prefix_size_ > bytes_read_ && prefix_size_ - bytes_read_ <= size)
	{
		done = static_cast<size_t>(prefix_size_ - bytes_read_);
		require(EVP_DigestUpdate(digest_.get(), bytes, done));
		prefix_sha256_ = hash_so_far();
	}
	require(EVP_DigestUpdate(digest_.get(), bytes + done, size - done));
}

Sha256
SourceFile::hash_so_far() const
{
	Sha256 found{};
	const std::unique_ptr<evp_md_ctx_st, FreeDigest> copy(EVP_MD_CTX_new());
	require(copy ? EVP_MD_CTX_copy_ex(copy.get(), digest_.get()) : 0);
	require(EVP_DigestFinal_ex(copy.get(), found.data(), nullptr));
	return found;
}

/// A file that another process writes or replaces while it is read has no definite content.
void
SourceFile::check_unchanged() const
{
	struct stat now, named;
	if (fstat(fd_.get(), &now) != 0)
		throw system_error("could not stat file", errno);
	if (!same_file(opened_, now) || beneath::lstat(path_, &named) != 0 ||
		!same_file(opened_, named))
		throw FileError(sqlstate::object_in_use, "file changed while it was read");
}

void
SourceFile::finish()
{
	check_unchanged();
	if (bytes_read_ != size())
		throw FileError(sqlstate::object_in_use, "file changed while it was read");
	require(EVP_DigestFinal_ex(digest_.get(), sha256_.data(), nullptr));
	is_finished_ = true;
}

const Sha256 &
SourceFile::sha256() const
{
	if (!is_finished_)
		throw std::logic_error("the hash of a file before its end");
	return sha256_;
}

void
SourceFile::forget_kept()
{
	max_kept_ = 0;
	std::string().swap(kept_);
}

void
SourceFile::refuse(const std::string &message) const
{
	check_unchanged();
	// not data_corrupted (XX001), which PostgreSQL uses for a damaged database
	throw FileError(sqlstate::bad_copy_file_format, message);
}

} // namespace etl
