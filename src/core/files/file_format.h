// Recognises the format of a file by its first bytes, whatever its name is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

enum class Compression : uint8_t
{
	none,
	gzip, ///< RFC 1952
	zstd  ///< RFC 8878, skippable frames included
};

inline Compression
gzip_if(bool gzip)
{
	return gzip ? Compression::gzip : Compression::none;
}

/// The compression, by the magic number at the beginning of the file.
Compression compression_of(std::string_view head);

/// The number of bytes at the beginning of a file that foreign_format() examines.
constexpr size_t format_head_bytes = 4096;

/// A description of data that cannot be UTF-8 text: "bzip2 data", "text in UTF-16", "a PNG image",
/// or "binary data" if the format is unknown. Empty for text, even if some of its lines are
/// damaged, because reading the lines will report these. `head` is the decompressed beginning of
/// the data.
std::string foreign_format(std::string_view head);

} // namespace etl
