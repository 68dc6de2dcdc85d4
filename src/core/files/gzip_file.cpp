#include "core/files/gzip_file.h"

#include <algorithm>
#include <string>
#include <utility>

#include <isa-l/igzip_lib.h>

namespace etl
{

namespace
{

constexpr size_t input_bytes = 256 * 1024;
constexpr size_t trailer_bytes = 8;

} // namespace

struct GzipFile::Inflater
{
	inflate_state state;
	uint8_t input[input_bytes];
};

/// An inflater is kept for the next file of the thread, because the first access to each of its
/// pages costs more than the work done in it (docs/explanation/performance.md, page faults).
thread_local std::unique_ptr<GzipFile::Inflater> GzipFile::spare_;

GzipFile::GzipFile(SourceFile &file)
	: file_(file),
	  inflater_(spare_ ? std::move(spare_) : std::make_unique_for_overwrite<GzipFile::Inflater>())
{
	isal_inflate_init(&inflater_->state);
	inflater_->state.avail_in = 0;
}

GzipFile::~GzipFile()
{
	if (!spare_)
		spare_ = std::move(inflater_);
}

/// The byte of the file that is decompressed next.
uint64_t
GzipFile::position() const
{
	return file_.bytes_read() - inflater_->state.avail_in;
}

void
GzipFile::ends_early() const
{
	file_.refuse("gzip stream ends early at byte " + std::to_string(file_.bytes_read()));
}

void
GzipFile::damaged(const char *why) const
{
	file_.refuse("gzip data is damaged at byte " + std::to_string(position()) + " (" + why + ")");
}

/// Fills the empty input buffer. Returns false at the end of the file.
bool
GzipFile::fill()
{
	inflate_state &state = inflater_->state;
	state.next_in = inflater_->input;
	state.avail_in = static_cast<uint32_t>(file_.read(inflater_->input, input_bytes));
	return state.avail_in > 0;
}

/// Skips zero bytes at the end of the file, which tapes and block devices leave there and gzip(1)
/// ignores. Returns false if another byte follows.
bool
GzipFile::skip_padding()
{
	inflate_state &state = inflater_->state;
	file_.forget_kept(); // the bytes of the file are more than the deflate stream
	for (;;)
	{
		for (; state.avail_in > 0; ++state.next_in, --state.avail_in)
			if (*state.next_in != 0)
				return false;
		if (!fill())
			return true;
	}
}

/// Reads the header of a member. Returns false at the end of the file.
bool
GzipFile::read_header()
{
	inflate_state &state = inflater_->state;
	if (!in_header_ && file_.prefix_size() != 0 && position() == file_.prefix_size())
		prefix_text_size_ = bytes_out_;
	for (;;)
	{
		if (state.avail_in == 0 && !fill())
		{
			if (in_header_)
				ends_early();
			if (members_ == 0)
				file_.refuse("not in gzip format: the file is empty");
			return false;
		}
		const uint64_t byte = position();
		const GzipHeader::State found = header_.step(*state.next_in);
		if (found == GzipHeader::State::not_gzip)
		{
			if (members_ == 0)
				file_.refuse("not in gzip format");
			if (!in_header_ && skip_padding())
				return false;
			file_.refuse("trailing garbage after the gzip data at byte " +
						 std::to_string(in_header_ ? byte - 1 : byte));
		}
		if (found == GzipHeader::State::unsupported)
			file_.refuse("unsupported gzip compression method at byte " + std::to_string(byte));
		if (found == GzipHeader::State::damaged)
			damaged("header");
		++state.next_in;
		--state.avail_in;
		in_header_ = true;
		if (found == GzipHeader::State::complete)
			break;
	}
	begin_member();
	return true;
}

void
GzipFile::begin_member()
{
	inflate_state &state = inflater_->state;
	uint8_t *const next_in = state.next_in;
	const uint32_t avail_in = state.avail_in;
	isal_inflate_reset(&state);
	state.next_in = next_in;
	state.avail_in = avail_in;
	state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	header_ = GzipHeader();
	in_header_ = false;
	if (++members_ == 1)
		stream_begin_ = static_cast<size_t>(position());
	else
		file_.forget_kept();
}

/// Decompresses to the buffer until it is full, the input is used up or the member ends.
size_t
GzipFile::inflate_some(uint8_t *buffer, size_t size)
{
	inflate_state &state = inflater_->state;
	const uint32_t before = state.avail_in;
	state.next_out = buffer;
	state.avail_out = static_cast<uint32_t>(std::min(size, size_t{1} << 30));
	const uint32_t room = state.avail_out;
	switch (isal_inflate(&state))
	{
	case ISAL_DECOMP_OK:
	case ISAL_END_INPUT:
	case ISAL_OUT_OVERFLOW:
		break;
	case ISAL_INVALID_BLOCK:
		damaged("invalid block");
	case ISAL_INVALID_SYMBOL:
		damaged("invalid symbol");
	case ISAL_INVALID_LOOKBACK:
		damaged("reference to before the beginning");
	case ISAL_INCORRECT_CHECKSUM:
		damaged("checksum or length does not match");
	default:
		damaged("invalid data");
	}
	const size_t produced = room - state.avail_out;
	if (state.block_state == ISAL_BLOCK_FINISH)
		at_ = At::header;
	else if (state.avail_out > 0 && state.avail_in > 0 && produced == 0 && state.avail_in == before)
		damaged("no progress");
	return produced;
}

size_t
GzipFile::read(char *buffer, size_t size)
{
	size_t done = 0;
	while (done < size && at_ != At::end)
	{
		if (at_ == At::header)
		{
			at_ = read_header() ? At::data : At::end;
			continue;
		}
		const size_t produced =
			inflate_some(reinterpret_cast<uint8_t *>(buffer) + done, size - done);
		done += produced;
		bytes_out_ += produced;
		// there is space left and the member has not ended, so more input is needed
		if (at_ == At::data && done < size && inflater_->state.avail_in == 0 && !fill())
			ends_early();
	}
	return done;
}

std::optional<SealedText>
GzipFile::take_stream()
{
	std::string kept = file_.take_kept();
	if (members_ != 1 || kept.size() < stream_begin_ + trailer_bytes)
		return std::nullopt;
	uint32_t trailer[2] = {};
	for (size_t i = 0; i < trailer_bytes; ++i)
		trailer[i / 4] |=
			static_cast<uint32_t>(static_cast<uint8_t>(kept[kept.size() - trailer_bytes + i]))
			<< 8 * (i % 4);
	kept.erase(kept.size() - trailer_bytes);
	kept.erase(0, stream_begin_);
	kept.shrink_to_fit();
	return SealedText{std::move(kept), trailer[0], trailer[1], true};
}

uint64_t
GzipFile::length_in_trailer(const SourceFile &file)
{
	constexpr uint64_t smallest = 18;
	uint8_t length[4];
	if (file.size() < smallest ||
		file.look_at(file.size() - sizeof length, length, sizeof length) != sizeof length)
		return 0;
	const uint64_t said = length[0] | static_cast<uint64_t>(length[1]) << 8 |
						  static_cast<uint64_t>(length[2]) << 16 |
						  static_cast<uint64_t>(length[3]) << 24;
	return std::min(said, file.size() * 1032); // deflate produces no more of a byte
}

} // namespace etl
