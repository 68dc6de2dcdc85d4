#include "core/files/compressed_text.h"

#include <memory>
#include <utility>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"

namespace etl
{

void
TextSealer::take(std::string_view bytes)
{
	text_.crc = crc32_gzip_refl(text_.crc, reinterpret_cast<const unsigned char *>(bytes.data()),
								bytes.size());
	text_.size += static_cast<uint32_t>(bytes.size());
	deflater_.add(bytes, text_.deflated);
}

void
TextSealer::begin()
{
	deflater_.reset();
	text_ = {};
	begin_ = end_ = nullptr;
}

void
TextSealer::add(std::string_view line)
{
	if (begin_ != nullptr && line.data() == end_ + 1 && *end_ == '\n')
	{
		end_ = line.data() + line.size();
		return;
	}
	if (begin_ != nullptr)
	{
		take({begin_, static_cast<size_t>(end_ - begin_)});
		take("\n");
	}
	begin_ = line.data();
	end_ = begin_ + line.size();
}

SealedText
TextSealer::finish()
{
	if (begin_ != nullptr)
	{
		take({begin_, static_cast<size_t>(end_ - begin_)});
		take("\n");
		begin_ = end_ = nullptr;
	}
	deflater_.end_part(false, text_.deflated);
	text_.deflated.shrink_to_fit();
	return std::exchange(text_, {});
}

std::string
open_sealed(std::string_view deflated, uint32_t size)
{
	std::string lines(size, '\0');
	const auto state = std::make_unique_for_overwrite<inflate_state>();
	isal_inflate_init(state.get());
	state->next_in = reinterpret_cast<uint8_t *>(const_cast<char *>(deflated.data()));
	state->avail_in = static_cast<uint32_t>(deflated.size());
	state->next_out = reinterpret_cast<uint8_t *>(lines.data());
	state->avail_out = size;
	if (isal_inflate(state.get()) != ISAL_DECOMP_OK || state->avail_out != 0)
		throw FileError(sqlstate::data_corrupted,
						"records that were compressed in memory cannot be read again");
	return lines;
}

std::string
open_sealed(const SealedText &text)
{
	return open_sealed(text.deflated, text.size);
}

} // namespace etl
