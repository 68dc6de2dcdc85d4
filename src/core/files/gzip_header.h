// Reads the header of a gzip member (RFC 1952, section 2.3).
#pragma once

#include <cstdint>

namespace etl
{

/// Takes the bytes of a header one at a time, so that it may span several buffers.
class GzipHeader
{
  public:
	enum class State
	{
		reading,
		complete,    ///< the byte was the last one of the header
		not_gzip,    ///< wrong magic number
		unsupported, ///< a compression method other than deflate
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
	/// The first part from `part` on that the flags say is present.
	Part next_part(Part part) const;
	State step_part(uint8_t byte);

	Part part_ = Part::fixed;
	uint8_t flags_ = 0;
	uint32_t count_ = 0; ///< number of bytes of this part so far
	uint32_t extra_ = 0, checksum_ = 0;
	uint32_t crc_ = 0;
};

} // namespace etl
