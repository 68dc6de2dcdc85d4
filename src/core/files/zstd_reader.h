// Zstandard (RFC 8878), through libzstd.
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
	/// Largest window that a stream may ask for, as a power of two: 128 MB.
	static constexpr int max_window_log = 27;

	/// The whole of a small block into out (cleared first); false when it is damaged or larger than
	/// limit.
	static bool decompress_block(std::string_view input, size_t limit, std::string &out);

	/// window_log: the largest window that this stream may ask for. Throws std::bad_alloc.
	explicit ZstdReader(int window_log = max_window_log);
	~ZstdReader();
	ZstdReader(const ZstdReader &) = delete;
	ZstdReader &operator=(const ZstdReader &) = delete;

	/// Feeds compressed bytes; decompressed ones go to sink in pieces. False when they are damaged.
	bool feed(std::string_view input, const std::function<void(std::string_view)> &sink);
	/// Takes of input what it needs to make at most size bytes, which go to out; done: how many
	/// they are. False when it is damaged. Nothing taken and nothing made: all that came is
	/// decompressed.
	bool step(std::string_view &input, char *out, size_t size, size_t &done);
	/// Was it refused because it asks for a larger window?
	bool window_too_large() const { return window_too_large_; }
	/// Did the input end at the end of a frame?
	bool at_frame_end() const { return hint_ == 0; }

  private:
	ZSTD_DCtx_s *stream_;
	size_t hint_ = 0;
	bool window_too_large_ = false;
	std::string buffer_;
};

} // namespace etl
