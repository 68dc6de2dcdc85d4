#include "core/files/zstd_file.h"

namespace etl
{

namespace
{

constexpr size_t input_bytes = 256 * 1024;

} // namespace

size_t
ZstdFile::read(char *buffer, size_t size)
{
	size_t done = 0;
	while (done == 0)
	{
		if (left_.empty() && !at_end_)
		{
			bytes_.resize(input_bytes);
			left_ = {bytes_.data(), file_.read(bytes_.data(), bytes_.size())};
			at_end_ = left_.empty();
		}
		const size_t before = left_.size();
		if (!reader_.step(left_, buffer, size, done))
			file_.refuse(reader_.window_too_large()
							 ? "zstd data has a window of more than 8 MB, which is not supported"
							 : "zstd data is damaged at byte " + std::to_string(position()));
		// known only if a frame ends where the prefix ends
		if (reader_.at_frame_end() && position() == file_.prefix_size())
			prefix_text_size_ = bytes_out_ + done;
		if (done > 0 || before > left_.size() || (before == 0 && !at_end_))
			continue;
		if (before > 0)
			file_.refuse("zstd data is damaged at byte " + std::to_string(position()));
		if (!reader_.at_frame_end())
			file_.refuse("zstd stream ends early at byte " + std::to_string(file_.bytes_read()));
		break;
	}
	bytes_out_ += done;
	return done;
}

} // namespace etl
