// Records' lines, compressed while they wait.
//
// Of what a batch holds in memory, the text of its records is the largest part, and it is needed
// twice only: for the processed file, which gets it compressed, and for the few records that the
// database's checks refuse. So it is compressed as soon as a record is staged, in the thread that
// staged it; a batch holds about twice as many records then. Of a file with nothing but good
// records, a line each, it is there already: the bytes that were read from disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/files/deflater.h"

namespace etl
{

struct SealedText
{
	std::string deflated; ///< a part of a deflate stream (core/files/deflater.h), or a whole one
	uint32_t crc = 0;     ///< CRC-32 of RFC 1952 of the lines
	uint32_t size = 0;    ///< of the lines, newlines included
	bool whole = false;   ///< nothing may come before or after it
};

/// Makes sealed texts, one after the other. One for each thread.
class TextSealer
{
  public:
	/// Forgets what an exception may have left unfinished.
	void begin();
	/// A record, without its newline. It must stay where it is until finish(): records that lie one
	/// after the other, a newline between them, are taken in one go.
	void add(std::string_view line);
	SealedText finish();

  private:
	void take(std::string_view bytes);

	Deflater deflater_;
	SealedText text_;
	const char *begin_ = nullptr,
			   *end_ = nullptr; ///< lines not taken yet, without the last newline
};

/// The lines again, newlines included. Throws FileError (XX001) if that can't be.
std::string open_sealed(const SealedText &text);
std::string open_sealed(std::string_view deflated, uint32_t size);

} // namespace etl
