// Compression with Zstandard (RFC 8878), for rewriting files that were delivered in this format.
#pragma once

#include <functional>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;

namespace etl
{

class ZstdWriter
{
  public:
	/// Throws std::bad_alloc.
	ZstdWriter();
	~ZstdWriter();
	ZstdWriter(const ZstdWriter &) = delete;
	ZstdWriter &operator=(const ZstdWriter &) = delete;

	/// Compresses the bytes into one frame with a checksum, which ends when `last` is true. Returns
	/// false on error.
	bool put(std::string_view bytes, bool last, const std::function<void(std::string_view)> &sink);

  private:
	ZSTD_CCtx_s *stream_;
	std::string buffer_;
};

} // namespace etl
