#include "core/files/gzip_header.h"

#include <isa-l/crc.h>

namespace etl
{

namespace
{

constexpr uint8_t flag_checksum = 2, flag_extra = 4, flag_name = 8, flag_comment = 16,
				  flags_reserved = 0xe0;

} // namespace

GzipHeader::Part
GzipHeader::next_part(Part part) const
{
	if (part <= Part::extra_length && (flags_ & flag_extra) != 0)
		return Part::extra_length;
	if (part <= Part::name && (flags_ & flag_name) != 0)
		return Part::name;
	if (part <= Part::comment && (flags_ & flag_comment) != 0)
		return Part::comment;
	if (part <= Part::checksum && (flags_ & flag_checksum) != 0)
		return Part::checksum;
	return Part::end;
}

GzipHeader::State
GzipHeader::step(uint8_t byte)
{
	const bool checked = part_ != Part::checksum;
	const State state = step_part(byte);
	if (checked)
		crc_ = crc32_gzip_refl(crc_, &byte, 1);
	return state;
}

GzipHeader::State
GzipHeader::step_part(uint8_t byte)
{
	const auto go_to = [this](Part part)
	{
		part_ = next_part(part);
		count_ = 0;
		return part_ == Part::end ? State::complete : State::reading;
	};
	switch (part_)
	{
	case Part::fixed:
		if ((count_ == 0 && byte != 0x1f) || (count_ == 1 && byte != 0x8b))
			return State::not_gzip;
		if (count_ == 2 && byte != 8)
			return State::unsupported;
		if (count_ == 3)
		{
			if ((byte & flags_reserved) != 0)
				return State::damaged;
			flags_ = byte;
		}
		// the time (4 bytes), the extra flags and the operating system are not needed
		return ++count_ == 10 ? go_to(Part::extra_length) : State::reading;
	case Part::extra_length:
		extra_ |= static_cast<uint32_t>(byte) << (8 * count_);
		if (++count_ < 2)
			return State::reading;
		if (extra_ == 0)
			return go_to(Part::name);
		part_ = Part::extra;
		return State::reading;
	case Part::extra:
		return --extra_ == 0 ? go_to(Part::name) : State::reading;
	case Part::name:
		return byte == 0 ? go_to(Part::comment) : State::reading;
	case Part::comment:
		return byte == 0 ? go_to(Part::checksum) : State::reading;
	case Part::checksum:
		checksum_ |= static_cast<uint32_t>(byte) << (8 * count_);
		if (++count_ < 2)
			return State::reading;
		return checksum_ == (crc_ & 0xffff) ? State::complete : State::damaged;
	case Part::end:
		break;
	}
	return State::damaged;
}

} // namespace etl
