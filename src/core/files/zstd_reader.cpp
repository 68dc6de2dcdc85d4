#include "core/files/zstd_reader.h"

#include <new>

#include <zstd.h>
#include <zstd_errors.h>

namespace etl
{

bool
ZstdReader::decompress_block(std::string_view input, size_t limit, std::string &out)
{
	out.resize(limit);
	const size_t size = ZSTD_decompress(out.data(), out.size(), input.data(), input.size());
	const bool good = ZSTD_isError(size) == 0;
	out.resize(good ? size : 0);
	return good;
}

ZstdReader::ZstdReader(int window_log) : stream_(ZSTD_createDCtx())
{
	if (stream_ == nullptr)
		throw std::bad_alloc();
	ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, window_log);
	buffer_.resize(ZSTD_DStreamOutSize());
}

ZstdReader::~ZstdReader()
{
	ZSTD_freeDCtx(stream_);
}

bool
ZstdReader::step(std::string_view &input, char *out, size_t size, size_t &done)
{
	done = 0;
	ZSTD_inBuffer in{input.data(), input.size(), 0};
	ZSTD_outBuffer to{out, size, 0};
	const size_t hint = ZSTD_decompressStream(stream_, &to, &in);
	if (ZSTD_isError(hint) != 0)
	{
		window_too_large_ = ZSTD_getErrorCode(hint) == ZSTD_error_frameParameter_windowTooLarge;
		return false;
	}
	input.remove_prefix(in.pos);
	done = to.pos;
	// after the end of a frame a further call returns the size of the next header, so it is ignored
	if (in.pos > 0 || to.pos > 0)
		hint_ = hint;
	return true;
}

bool
ZstdReader::feed(std::string_view input, const std::function<void(std::string_view)> &sink)
{
	ZSTD_inBuffer in{input.data(), input.size(), 0};
	for (;;)
	{
		ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
		hint_ = ZSTD_decompressStream(stream_, &out, &in);
		if (ZSTD_isError(hint_) != 0)
			return false;
		if (out.pos > 0)
			sink({buffer_.data(), out.pos});
		// if the output buffer is full, there may be more output
		if (in.pos == in.size && out.pos < out.size)
			return true;
	}
}

} // namespace etl
