#include "core/files/deflater.h"

#include <algorithm>

#include <isa-l/igzip_lib.h>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"

namespace etl
{

Deflater::Deflater()
	: stream_(std::make_unique<isal_zstream>()),
	  level_buffer_(std::make_unique_for_overwrite<unsigned char[]>(ISAL_DEF_LVL1_DEFAULT))
{
	isal_deflate_init(stream_.get());
	stream_->level = 1;
	stream_->level_buf = level_buffer_.get();
	stream_->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
	stream_->gzip_flag = IGZIP_DEFLATE;
}

Deflater::~Deflater() = default;

/// Compresses until the input is used up and no more output comes.
void
Deflater::run(std::string &out)
{
	constexpr size_t step = 64 * 1024;
	do
	{
		// JSON is compressed to about a seventh
		const size_t room = std::clamp<size_t>(stream_->avail_in / 4, 512, step);
		const size_t size = out.size();
		out.resize(size + room);
		stream_->next_out = reinterpret_cast<uint8_t *>(out.data()) + size;
		stream_->avail_out = static_cast<uint32_t>(room);
		const int result = isal_deflate(stream_.get());
		out.resize(size + room - stream_->avail_out);
		if (result != COMP_OK)
			throw FileError(sqlstate::io_error, "could not compress file");
	} while (stream_->avail_in > 0 || stream_->avail_out == 0);
}

void
Deflater::add(std::string_view bytes, std::string &out)
{
	while (!bytes.empty())
	{
		const std::string_view some = bytes.substr(0, size_t{1} << 30);
		bytes.remove_prefix(some.size());
		stream_->flush = NO_FLUSH;
		stream_->end_of_stream = 0;
		stream_->next_in = reinterpret_cast<uint8_t *>(const_cast<char *>(some.data()));
		stream_->avail_in = static_cast<uint32_t>(some.size());
		run(out);
	}
}

void
Deflater::end_part(bool last, std::string &out)
{
	stream_->flush = last ? NO_FLUSH : FULL_FLUSH;
	stream_->end_of_stream = last ? 1 : 0;
	stream_->next_in = nullptr;
	stream_->avail_in = 0;
	do
		run(out);
	while (last && stream_->internal_state.state != ZSTATE_END);
	reset();
}

void
Deflater::reset()
{
	isal_deflate_reset(stream_.get());
}

} // namespace etl
