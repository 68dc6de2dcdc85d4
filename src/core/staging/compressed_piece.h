// Pieces whose records wait compressed (core/files/compressed_text.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/staging/staged_record.h"

namespace etl
{

/// Compresses the text of the records that nothing is wrong with so far, and lets the others keep
/// theirs, so that the piece needs its buffer no more. False: it stays as it is, because its
/// processed file gets something else than what came. stream: what the piece's buffer is
/// compressed, where that is known; it is kept where the buffer holds nothing but good records, a
/// line each.
bool seal(Piece &piece, TextSealer &sealer, std::optional<SealedText> stream = std::nullopt);

/// The text of records whether they are sealed or not: best piece by piece, for each is
/// decompressed whole.
class TextReader
{
  public:
	/// Stays until the next call.
	std::string_view text(const Piece &piece, const StagedRecord &record);

  private:
	const Piece *open_ = nullptr;
	std::string text_;
	std::vector<std::string_view> lines_; ///< by record
};

} // namespace etl
