// Zstandard (RFC 8878) through libzstd, which is loaded when it is first needed: every Debian
// server has it, as PostgreSQL itself uses it, and nothing but this reads the format. Where it is
// missing, available() says so.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace etl
{

class ZstdReader
{
  public:
	static bool available();

	/// Largest window that a stream may ask for, as a power of two: 128 MB.
	static constexpr int max_window_log = 27;

	/// The whole of a small block into out (cleared first); false when it is damaged or larger than
	/// limit.
	static bool decompress_block(std::string_view input, size_t limit, std::string &out);

	ZstdReader();
	~ZstdReader();
	ZstdReader(const ZstdReader &) = delete;
	ZstdReader &operator=(const ZstdReader &) = delete;

	/// Feeds compressed bytes; decompressed ones go to sink in pieces. False when they are damaged.
	bool feed(std::string_view input, const std::function<void(std::string_view)> &sink);
	/// Did the input end at the end of a frame?
	bool at_frame_end() const { return hint_ == 0; }

  private:
	void *stream_;
	size_t hint_ = 0;
	std::string buffer_;
};

} // namespace etl
