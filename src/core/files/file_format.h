// What a file is by its first bytes, whatever its name says.
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

/// By the magic number that a file begins with.
Compression compression_of(std::string_view head);

/// How many bytes of the beginning foreign_format() looks at, where there are as many.
constexpr size_t format_head_bytes = 4096;

/// What data is that cannot be text in UTF-8: "bzip2 data", "text in UTF-16", "a PNG image",
/// "binary data" where it is nothing known. Empty for text, also where some of its lines are
/// damaged: these are for whoever reads the lines. head: the beginning, decompressed.
std::string foreign_format(std::string_view head);

} // namespace etl
