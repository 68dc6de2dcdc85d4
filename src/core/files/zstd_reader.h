// Decompression of Zstandard (RFC 8878) with libzstd.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

struct ZSTD_DCtx_s;

namespace etl
{

class ZstdReader
{
  public:
	/// The largest window that a stream may use, as a power of two: 128 MB.
	static constexpr int max_window_log = 27;

	/// Decompresses a whole small block into `out`, which is cleared first. Returns false if the
	/// block is damaged or larger than `limit`.
	static bool decompress_block(std::string_view input, size_t limit, std::string &out);

	/// `window_log` is the largest window that this stream may use, as a power of two. Throws
	/// std::bad_alloc.
	explicit ZstdReader(int window_log = max_window_log);
	~ZstdReader();
	ZstdReader(const ZstdReader &) = delete;
	ZstdReader &operator=(const ZstdReader &) = delete;

	/// Decompresses `input` and passes the output to `sink` piecewise. Returns false if the input
	/// is damaged.
	bool feed(std::string_view input, const std::function<void(std::string_view)> &sink);
	/// Decompresses at most `size` bytes to `out` and sets `done` to their number. Removes the
	/// bytes that it has used from `input`. Returns false if the input is damaged. If no byte was
	/// used and none was produced, all input so far is decompressed.
	bool step(std::string_view &input, char *out, size_t size, size_t &done);
	/// Whether the input was refused because it needs a larger window.
	bool window_too_large() const { return window_too_large_; }
	/// Whether the input ended at the end of a frame.
	bool at_frame_end() const { return hint_ == 0; }

  private:
	ZSTD_DCtx_s *stream_;
	size_t hint_ = 0;
	bool window_too_large_ = false;
	std::string buffer_;
};

} // namespace etl
