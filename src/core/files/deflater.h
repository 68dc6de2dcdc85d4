// Parts of a deflate stream (RFC 1951), each by itself.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct isal_zstream;

namespace etl
{

/// Compresses with ISA-L, level 1. Nothing goes from one part to the next, so that parts may be
/// made by several threads and stand one after the other in any order; each but the last of a
/// stream ends on a byte's border. One for each thread: it keeps buffers.
class Deflater
{
  public:
	Deflater();
	~Deflater();

	/// Appends what the bytes become, which may be less than all until end_part().
	/// Throws FileError (58030) if ISA-L fails.
	void add(std::string_view bytes, std::string &out);
	/// Gives up a part that has begun.
	void reset();
	/// Ends the part; last: the stream ends with it.
	void end_part(bool last, std::string &out);

  private:
	void run(std::string &out);

	std::unique_ptr<isal_zstream> stream_;
	std::unique_ptr<unsigned char[]> level_buffer_;
};

} // namespace etl
