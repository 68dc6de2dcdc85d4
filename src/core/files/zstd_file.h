// Decompresses zstd files (RFC 8878).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/files/source_file.h"
#include "core/files/zstd_reader.h"

namespace etl
{

/// The decompressed bytes of a zstd file with any number of frames. Throws FileError (22P04) if the
/// file ends early, is damaged, or needs a window of more than 8 MB.
class ZstdFile
{
  public:
	/// `file` must be at its beginning and must outlive this object.
	explicit ZstdFile(SourceFile &file) : file_(file) {}

	/// Reads up to `size` decompressed bytes. Returns 0 at the end of the file.
	size_t read(char *buffer, size_t size);
	/// The number of decompressed bytes of the prefix that `file` expects. Nothing before they are
	/// read, or if the prefix does not consist of complete frames.
	std::optional<uint64_t> prefix_text_size() const { return prefix_text_size_; }

  private:
	/// 8 MB, which RFC 8878 recommends that every decompressor supports. Each thread may need as
	/// much.
	static constexpr int window_log = 23;

	/// The byte of the file that is decompressed next.
	uint64_t position() const { return file_.bytes_read() - left_.size(); }

	SourceFile &file_;
	ZstdReader reader_{window_log};
	std::string bytes_;
	std::string_view left_; ///< bytes that are not decompressed yet
	bool at_end_ = false;
	uint64_t bytes_out_ = 0;
	std::optional<uint64_t> prefix_text_size_;
};

} // namespace etl
