// Makes independent parts of a deflate stream (RFC 1951).
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct isal_zstream;

namespace etl
{

/// Compresses with ISA-L, level 1. No part refers to another one, so several threads may make
/// parts, and the parts may follow each other in any order. Each part but the last of a stream ends
/// at a byte boundary. A Deflater keeps buffers; each thread has its own.
class Deflater
{
  public:
	Deflater();
	~Deflater();

	/// Appends compressed bytes to `out`. Some bytes may remain inside the Deflater until
	/// end_part(). Throws FileError (58030) if ISA-L fails.
	void add(std::string_view bytes, std::string &out);
	/// Discards a part that has begun.
	void reset();
	/// Ends the part. `last`: the stream ends with this part.
	void end_part(bool last, std::string &out);

  private:
	void run(std::string &out);

	std::unique_ptr<isal_zstream> stream_;
	std::unique_ptr<unsigned char[]> level_buffer_;
};

} // namespace etl
