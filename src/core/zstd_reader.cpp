#include "core/zstd_reader.h"

#include <dlfcn.h>

namespace etl
{

namespace
{

// libzstd's stable interface (zstd.h, "API compatible with all v1.x").
struct InBuffer
{
	const void *src;
	size_t size, pos;
};
struct OutBuffer
{
	void *dst;
	size_t size, pos;
};

struct Library
{
	size_t (*decompress)(void *, size_t, const void *, size_t) = nullptr;
	unsigned (*is_error)(size_t) = nullptr;
	void *(*create)() = nullptr;
	size_t (*free)(void *) = nullptr;
	size_t (*set_parameter)(void *, int, int) = nullptr;
	size_t (*stream)(void *, OutBuffer *, InBuffer *) = nullptr;
	bool complete = false;

	Library()
	{
		void *handle = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
		if (handle == nullptr)
			return;
		const auto load = [&](auto &function, const char *name)
		{
			function =
				reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
			return function != nullptr;
		};
		complete = load(decompress, "ZSTD_decompress") && load(is_error, "ZSTD_isError") &&
				   load(create, "ZSTD_createDCtx") && load(free, "ZSTD_freeDCtx") &&
				   load(set_parameter, "ZSTD_DCtx_setParameter") &&
				   load(stream, "ZSTD_decompressStream");
	}
};

const Library &
library()
{
	static const Library instance;
	return instance;
}

/// ZSTD_d_windowLogMax of ZSTD_dParameter.
constexpr int window_log_max = 100;

} // namespace

bool
ZstdReader::available()
{
	return library().complete;
}

bool
ZstdReader::decompress_block(std::string_view input, size_t limit, std::string &out)
{
	out.clear();
	if (!available())
		return false;
	out.resize(limit);
	const size_t size = library().decompress(out.data(), out.size(), input.data(), input.size());
	const bool good = library().is_error(size) == 0;
	out.resize(good ? size : 0);
	return good;
}

ZstdReader::ZstdReader() : stream_(available() ? library().create() : nullptr)
{
	if (stream_ == nullptr)
		return;
	library().set_parameter(stream_, window_log_max, max_window_log);
	buffer_.resize(1 << 18);
}

ZstdReader::~ZstdReader()
{
	if (stream_ != nullptr)
		library().free(stream_);
}

bool
ZstdReader::feed(std::string_view input, const std::function<void(std::string_view)> &sink)
{
	if (stream_ == nullptr)
		return false;
	InBuffer in{input.data(), input.size(), 0};
	for (;;)
	{
		OutBuffer out{buffer_.data(), buffer_.size(), 0};
		hint_ = library().stream(stream_, &out, &in);
		if (library().is_error(hint_) != 0)
			return false;
		if (out.pos > 0)
			sink({buffer_.data(), out.pos});
		// a full buffer may leave output behind
		if (in.pos == in.size && out.pos < out.size)
			return true;
	}
}

} // namespace etl
