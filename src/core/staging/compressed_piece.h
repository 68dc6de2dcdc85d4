// Pieces whose records wait in compressed form (core/files/compressed_text.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/staging/staged_record.h"

namespace etl
{

/// Compresses the text of the good records of the piece, copies the text of the others, and frees
/// the buffer of the piece. Returns false and changes nothing if the processed file needs another
/// text than the records have. `stream`, if known, is the compressed form of the whole buffer; it
/// is used if the buffer contains only good records with a line each.
bool seal(Piece &piece, TextSealer &sealer, std::optional<SealedText> stream = std::nullopt);

/// Returns the texts of sealed and other records. Read all records of a piece before those of the
/// next one, because each piece is decompressed as a whole.
class TextReader
{
  public:
	/// The text is valid until the next call.
	std::string_view text(const Piece &piece, const StagedRecord &record);

  private:
	const Piece *open_ = nullptr;
	std::string text_;
	std::vector<std::string_view> lines_; ///< indexed by record
};

} // namespace etl
