#include "core/files/zstd_writer.h"

#include <new>

#include <zstd.h>

namespace etl
{

ZstdWriter::ZstdWriter() : stream_(ZSTD_createCCtx())
{
	if (stream_ == nullptr)
		throw std::bad_alloc();
	ZSTD_CCtx_setParameter(stream_, ZSTD_c_checksumFlag, 1);
	buffer_.resize(ZSTD_CStreamOutSize());
}

ZstdWriter::~ZstdWriter()
{
	ZSTD_freeCCtx(stream_);
}

bool
ZstdWriter::put(std::string_view bytes, bool last,
				const std::function<void(std::string_view)> &sink)
{
	ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
	for (;;)
	{
		ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
		const size_t left =
			ZSTD_compressStream2(stream_, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left) != 0)
			return false;
		if (out.pos > 0)
			sink({buffer_.data(), out.pos});
		if (last ? left == 0 : in.pos == in.size)
			return true;
	}
}

} // namespace etl
