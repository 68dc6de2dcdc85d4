// Reads the bytes of a file, decompresses and hashes them, and limits their size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/hash.h"
#include "core/files/compressed_text.h"
#include "core/files/file_error.h"
#include "core/files/file_format.h"
#include "core/files/file_identity.h"

namespace etl
{

/// How a FileReader interprets the bytes of a file.
enum class Content : uint8_t
{
	stored, ///< as they are on disk
	gzip,   ///< decompressed; a file that is not gzip is an error
	staged  ///< text, decompressed if the first bytes are gzip or zstd; a file that is not text is
			///< an error
};

/// Reads the bytes of a file, decompressed as `content` says (gzip: RFC 1952, any number of
/// members; zstd: RFC 8878, any number of frames), and computes the SHA-256 of the bytes on disk.
/// Throws FileError if the file cannot be opened (58P01, 42501, 58030), is not a regular file
/// (42809; a symbolic link is refused, and a FIFO does not block), is not in gzip format, ends
/// early, is damaged, has garbage at its end or is not text (all 22P04), has more than max_size
/// bytes after decompression (54000), or was changed or renamed while it was read (55006).
class FileReader
{
  public:
	/// `root` is the number of bytes of the path in which symbolic links are allowed; see
	/// core/files/beneath.h.
	FileReader(const std::string &path, Content content, uint64_t max_size,
			   size_t root = static_cast<size_t>(-1));
	~FileReader();
	FileReader(const FileReader &) = delete;
	FileReader &operator=(const FileReader &) = delete;

	/// How the file is compressed.
	Compression compression() const;
	/// The number of bytes that read() is expected to return: the size of the file, or for gzip the
	/// length in the last trailer (RFC 1952, section 2.3.1). That length belongs to the last member
	/// only, is modulo 2^32 and may be wrong, so use it only to choose the size of a buffer.
	uint64_t expected_size() const;
	/// Call before the first read(): keeps the bytes on disk for take_stream(), unless there are
	/// more than max_size.
	void keep_stream(size_t max_size);
	/// Call after read() has returned 0: the deflate stream of a gzip file with a single member
	/// (RFC 1952), with the values of its trailer. Nothing if there are several members or nothing
	/// was kept.
	std::optional<SealedText> take_stream();
	/// Call before the first read(): also computes a separate hash of the first `size` bytes on
	/// disk.
	void expect_prefix(uint64_t size);
	/// The hash of these bytes. Nothing before they have been read.
	std::optional<Sha256> prefix_sha256() const;
	/// The number of bytes that read() returns for these bytes. For a compressed file it is known
	/// only after they were read, and only if they consist of complete members (gzip) or frames
	/// (zstd).
	std::optional<uint64_t> prefix_text_size() const;
	/// Reads up to `size` decompressed bytes. Returns 0 at the end of the file. After an error the
	/// reader must not be used any more.
	size_t read(char *buffer, size_t size);
	/// The size and hash of the bytes on disk. Valid after read() has returned 0.
	uint64_t size_on_disk() const;
	std::array<uint8_t, 32> sha256() const;
	uint64_t bytes_out() const;
	/// The identity of the file that was opened, even if its name now belongs to another file.
	FileIdentity identity() const;

  private:
	struct Impl;
	const std::unique_ptr<Impl> impl_;
};

} // namespace etl
