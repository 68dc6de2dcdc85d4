// Decompresses the block formats of PostgreSQL's values and WAL page images: pglz
// (src/common/pg_lzcompress.c) and the LZ4 block format
// (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). The input need not be trusted: no
// input causes a read or write out of bounds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace etl
{

/// How far decompression came.
enum class Decoded : uint8_t
{
	complete, ///< all input was used, and all output was made
	prefix,   ///< the input ended before the output was complete, without an error
	damaged   ///< the bytes are not of this format; the output before the error was passed on
};

using BytesSink = std::function<void(std::string_view)>;

/// Passes up to raw_size bytes of output to `sink`, in parts. Uses at most 1 MB of memory.
Decoded decode_pglz(std::string_view input, uint64_t raw_size, const BytesSink &sink);
Decoded decode_lz4(std::string_view input, uint64_t raw_size, const BytesSink &sink);

/// `method` is PostgreSQL's number of a compression method (ToastCompressionId).
inline Decoded
decode_method(unsigned method, std::string_view input, uint64_t raw_size, const BytesSink &sink)
{
	return method == 0   ? decode_pglz(input, raw_size, sink)
		   : method == 1 ? decode_lz4(input, raw_size, sink)
						 : Decoded::damaged;
}

/// Whether `stored` bytes in this method can be the compressed form of `raw` bytes.
inline bool
plausible_sizes(unsigned method, uint64_t stored, uint64_t raw)
{
	// pglz: three bytes and a control bit for 273; LZ4: a byte for each 255
	return method <= 1 && raw > 0 && stored > 0 && raw + 16 >= stored &&
		   raw / (method == 0 ? 92 : 256) <= stored + 16;
}

} // namespace etl
