// The block formats in which PostgreSQL compresses values and WAL page images: pglz
// (src/common/pg_lzcompress.c) and the LZ4 block format
// (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). Written for input that can't be
// trusted: whatever the bytes are, nothing is read or written out of bounds.
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
	complete, ///< all input used, all output made
	prefix,   ///< the input ended before the output was complete, without a fault
	damaged   ///< the bytes are not of this format; what came before was handed out
};

using BytesSink = std::function<void(std::string_view)>;

/// Hands out up to raw_size bytes in pieces. Holds 1 MB at most.
Decoded decode_pglz(std::string_view input, uint64_t raw_size, const BytesSink &sink);
Decoded decode_lz4(std::string_view input, uint64_t raw_size, const BytesSink &sink);

/// PostgreSQL's own number of a method (ToastCompressionId).
inline Decoded
decode_method(unsigned method, std::string_view input, uint64_t raw_size, const BytesSink &sink)
{
	return method == 0   ? decode_pglz(input, raw_size, sink)
		   : method == 1 ? decode_lz4(input, raw_size, sink)
						 : Decoded::damaged;
}

/// Can stored bytes have become raw bytes in that method?
inline bool
plausible_sizes(unsigned method, uint64_t stored, uint64_t raw)
{
	// pglz: three bytes and a control bit for 273; LZ4: a byte for each 255
	return method <= 1 && raw > 0 && stored > 0 && raw + 16 >= stored &&
		   raw / (method == 0 ? 92 : 256) <= stored + 16;
}

} // namespace etl
