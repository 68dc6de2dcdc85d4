// Decompresses gzip files (RFC 1952) with ISA-L.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/files/compressed_text.h"
#include "core/files/gzip_header.h"
#include "core/files/source_file.h"

namespace etl
{

/// The decompressed bytes of a gzip file with any number of members, checked against the length and
/// the checksum of each. Throws FileError (22P04) if the file is not in gzip format, ends early, is
/// damaged, or has anything but zero bytes after its last member.
class GzipFile
{
  public:
	/// `file` must be at its beginning and must outlive this object.
	explicit GzipFile(SourceFile &file);
	~GzipFile();
	GzipFile(const GzipFile &) = delete;
	GzipFile &operator=(const GzipFile &) = delete;

	/// Reads decompressed bytes. Returns less than `size` only at the end of the file.
	size_t read(char *buffer, size_t size);
	/// The number of decompressed bytes of the prefix that `file` expects. Nothing before they are
	/// read, or if the prefix does not consist of complete members.
	std::optional<uint64_t> prefix_text_size() const { return prefix_text_size_; }
	/// Call at the end of the file: the deflate stream of the only member, with the values of its
	/// trailer. Nothing if there are several members or `file` has not kept its bytes.
	std::optional<SealedText> take_stream();
	/// The length that the last trailer of a file says (RFC 1952, section 2.3.1). It belongs to the
	/// last member only, is modulo 2^32 and may be wrong.
	static uint64_t length_in_trailer(const SourceFile &file);

  private:
	/// Where the next byte of the file belongs to.
	enum class At
	{
		header,
		data, ///< and the trailer, which ISA-L checks
		end
	};
	struct Inflater;

	bool fill();
	bool skip_padding();
	bool read_header();
	void begin_member();
	size_t inflate_some(uint8_t *buffer, size_t size);
	uint64_t position() const;
	[[noreturn]] void ends_early() const;
	[[noreturn]] void damaged(const char *why) const;

	SourceFile &file_;
	std::unique_ptr<Inflater> inflater_;
	GzipHeader header_;
	At at_ = At::header;
	bool in_header_ = false; ///< some of the header's bytes are read
	uint64_t bytes_out_ = 0;
	size_t stream_begin_ = 0; ///< first byte of the deflate stream of the first member
	size_t members_ = 0;
	std::optional<uint64_t> prefix_text_size_;

	static thread_local std::unique_ptr<Inflater> spare_;
};

} // namespace etl
