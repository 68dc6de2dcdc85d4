// The lines of records, compressed while they wait in memory.
//
// The text of the records is the largest part of a batch in memory. It is needed only for the
// processed file, which stores it compressed, and for the few records that the checks of the
// database refuse. The thread that stages a record therefore compresses its text at once, so that a
// batch can have about twice as many records. If all records of a gzip file are good and have a
// line each, the compressed bytes that were read from disk are used as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/files/deflater.h"

namespace etl
{

struct SealedText
{
	std::string deflated; ///< a whole deflate stream or a part of one (core/files/deflater.h)
	uint32_t crc = 0;     ///< CRC-32 (RFC 1952) of the lines
	uint32_t size = 0;    ///< size of the lines in bytes, newlines included
	bool whole = false;   ///< no other text may come before or after this one
};

/// Makes sealed texts one after the other. Each thread has its own TextSealer.
class TextSealer
{
  public:
	/// Discards what an exception may have left unfinished.
	void begin();
	/// Adds a record without its newline. The text must stay valid until finish(). Records that are
	/// adjacent in memory, with a newline between them, are compressed together.
	void add(std::string_view line);
	SealedText finish();

  private:
	void take(std::string_view bytes);

	Deflater deflater_;
	SealedText text_;
	const char *begin_ = nullptr,
			   *end_ = nullptr; ///< lines that are not compressed yet, without the last newline
};

/// Returns the lines with their newlines. Throws FileError (XX001) if the text is damaged.
std::string open_sealed(const SealedText &text);
std::string open_sealed(std::string_view deflated, uint32_t size);

} // namespace etl
