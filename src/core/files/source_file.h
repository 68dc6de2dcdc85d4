// The bytes of a file on disk: opening it safely, reading and hashing it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "core/base/hash.h"
#include "core/base/scoped_fd.h"
#include "core/files/file_identity.h"

struct evp_md_ctx_st;

namespace etl
{

/// Reads a file from its beginning to its end and computes the SHA-256 of what it has read. Throws
/// FileError if the file cannot be opened (58P01, 42501, 58030), is not a regular file (42809; a
/// symbolic link is refused, and a FIFO does not block), or was changed or renamed while it was
/// read (55006).
class SourceFile
{
  public:
	/// Opens the file. `root` is the number of bytes of the path in which symbolic links are
	/// allowed; see core/files/beneath.h.
	SourceFile(std::string path, size_t root);
	~SourceFile();
	SourceFile(const SourceFile &) = delete;
	SourceFile &operator=(const SourceFile &) = delete;

	const std::string &path() const { return path_; }
	/// The size when the file was opened.
	uint64_t size() const { return static_cast<uint64_t>(opened_.st_size); }
	/// The identity of the file that was opened, even if its name now belongs to another file.
	FileIdentity identity() const;
	/// pread(): copies bytes without reading them, so they do not count and are not hashed.
	ssize_t look_at(uint64_t at, void *buffer, size_t size) const;

	/// Reads up to `size` bytes. Returns 0 at the end of the file.
	size_t read(void *buffer, size_t size);
	/// The number of bytes that were read.
	uint64_t bytes_read() const { return bytes_read_; }
	/// Call when all bytes are read: checks that they are the whole file, and completes the hash.
	void finish();
	bool is_finished() const { return is_finished_; }
	/// The hash of the whole file. Throws std::logic_error before finish().
	const Sha256 &sha256() const;

	/// Call before the first read(): also computes a separate hash of the first `size` bytes.
	void expect_prefix(uint64_t size) { prefix_size_ = size; }
	/// 0 if no prefix is expected.
	uint64_t prefix_size() const { return prefix_size_; }
	/// The hash of these bytes. Nothing before they have been read.
	const std::optional<Sha256> &prefix_sha256() const { return prefix_sha256_; }

	/// Call before the first read(): keeps the bytes that are read, unless there are more than
	/// max_size.
	void keep(size_t max_size) { max_kept_ = max_size; }
	void forget_kept();
	/// The bytes that were kept. Empty if they were forgotten.
	std::string take_kept() { return std::move(kept_); }

	/// Throws FileError (22P04) with this message, or says that the file has changed, because then
	/// it may be good when it is read the next time.
	[[noreturn]] void refuse(const std::string &message) const;

  private:
	struct FreeDigest
	{
		void operator()(evp_md_ctx_st *context) const;
	};

	void hash(const char *bytes, size_t size);
	Sha256 hash_so_far() const;
	void check_unchanged() const;

	const std::string path_;
	ScopedFd fd_;
	struct stat opened_
	{
	};
	std::unique_ptr<evp_md_ctx_st, FreeDigest> digest_;
	Sha256 sha256_{};
	bool is_finished_ = false;
	uint64_t bytes_read_ = 0;
	uint64_t prefix_size_ = 0;
	std::optional<Sha256> prefix_sha256_;
	size_t max_kept_ = 0; ///< 0 if nothing is kept
	std::string kept_;
};

} // namespace etl
