// A gzip member's header (RFC 1952 section 2.3), byte by byte.
#pragma once

#include <cstdint>

namespace etl
{

/// Takes a header's bytes one at a time, wherever the buffers that hold them begin and end.
class GzipHeader
{
  public:
	enum class State
	{
		reading,
		complete,    ///< the byte was the header's last one
		not_gzip,    ///< wrong magic number
		unsupported, ///< another compression method than deflate
		damaged      ///< reserved flags, or a wrong header checksum
	};
	State step(uint8_t byte);

  private:
	enum class Part : uint8_t
	{
		fixed,
		extra_length,
		extra,
		name,
		comment,
		checksum,
		end
	};
	/// The first part from `part` on that the flags announce.
	Part next_part(Part part) const;
	State step_part(uint8_t byte);

	Part part_ = Part::fixed;
	uint8_t flags_ = 0;
	uint32_t count_ = 0; ///< bytes of this part so far
	uint32_t extra_ = 0, checksum_ = 0;
	uint32_t crc_ = 0;
};

} // namespace etl
