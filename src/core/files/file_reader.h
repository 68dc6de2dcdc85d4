// A staged file's bytes: decompressed, hashed and bounded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/hash.h"
#include "core/files/compressed_text.h"
#include "core/files/file_error.h"
#include "core/files/file_format.h"
#include "core/files/file_identity.h"

namespace etl
{

/// What a reader makes of a file's bytes.
enum class Content : uint8_t
{
	stored, ///< the bytes on disk
	gzip,   ///< decompressed; anything else is an error
	staged  ///< text, decompressed where the first bytes say so; what is no text is an error
};

/// Reads a file's bytes, decompressed as content says (gzip: RFC 1952, any number of members; zstd:
/// RFC 8878, any number of frames), and hashes (SHA-256) the bytes on disk on the way.
/// Throws FileError: cannot open (58P01/42501/58030), not a regular file (42809; a symbolic link is
/// none, and a FIFO does not block), "not in gzip format", "gzip stream ends early at byte N",
/// "gzip data is damaged at byte N", trailing garbage, the format of what is no text (all 22P04),
/// more than max_size bytes after decompression (54000), changed or renamed while it was read
/// (55006).
class FileReader
{
  public:
	/// root: how many bytes of the path may hold symbolic links; see core/files/beneath.h.
	FileReader(const std::string &path, Content content, uint64_t max_size,
			   size_t root = static_cast<size_t>(-1));
	~FileReader();
	FileReader(const FileReader &) = delete;
	FileReader &operator=(const FileReader &) = delete;

	/// How the file is compressed.
	Compression compression() const;
	/// How many bytes read() will give, by what the file says of itself: its size, or the length in
	/// its last gzip trailer (RFC 1952 section 2.3.1), which is that of the last member modulo 2^32
	/// and may be a lie. Good for the size of a buffer, and for nothing else.
	uint64_t expected_size() const;
	/// Before the first read(): keeps the bytes on disk for take_stream(), unless they are more
	/// than max_size.
	void keep_stream(size_t max_size);
	/// Once read() has returned 0: the deflate stream of a gzipped file that is one member (RFC
	/// 1952), with what its trailer says; none where it has several, or nothing was kept.
	std::optional<SealedText> take_stream();
	/// Before the first read(): hashes so many bytes at the beginning of the file by themselves.
	void expect_prefix(uint64_t size);
	/// Their hash; none before they have been read.
	std::optional<Sha256> prefix_sha256() const;
	/// How many bytes read() gives of them. Of a compressed file known once it has read past them,
	/// and only where they are whole members (gzip) or frames (zstd).
	std::optional<uint64_t> prefix_text_size() const;
	/// Reads up to size decompressed bytes; 0 at the end of the file. After an error the reader is
	/// of no more use.
	size_t read(char *buffer, size_t size);
	/// Bytes on disk, and their hash; valid once read() has returned 0.
	uint64_t size_on_disk() const;
	std::array<uint8_t, 32> sha256() const;
	uint64_t bytes_out() const;
	/// Of the file that was opened, whatever has its name now.
	FileIdentity identity() const;

  private:
	struct Impl;
	Impl *impl_;
};

} // namespace etl
