#include "core/staging/compressed_piece.h"

namespace etl
{

namespace
{

bool
is_good(const StagedRecord &record)
{
	return record.loadable && !record.violations;
}

/// Whether the buffer consists of good records with a newline after each.
bool
holds_lines_only(const Piece &piece)
{
	const char *at = piece.buffer.get();
	const char *const end = at + piece.buffer_size - Document::padding;
	for (const StagedRecord &r : piece.records)
	{
		if (!is_good(r) || r.text.data() != at)
			return false;
		at += r.text.size();
		if (at == end || *at++ != '\n')
			return false;
	}
	return at == end;
}

} // namespace

bool
seal(Piece &piece, TextSealer &sealer, std::optional<SealedText> stream)
{
	for (const StagedRecord &r : piece.records)
		if (is_good(r) && r.output.data() != r.text.data())
			return false;
	if (stream && !piece.records.empty() && holds_lines_only(piece))
		piece.sealed = std::move(stream);
	else
	{
		sealer.begin();
		for (StagedRecord &r : piece.records)
			if (is_good(r))
				sealer.add(r.text);
			else
				r.text = r.output = piece.arena.copy(r.text);
		piece.sealed = sealer.finish();
	}
	for (StagedRecord &r : piece.records)
		if (is_good(r))
		{
			r.text = r.output = {};
			r.sealed = true;
		}
	piece.buffer.reset();
	piece.buffer_size = 0;
	return true;
}

std::string_view
TextReader::text(const Piece &piece, const StagedRecord &record)
{
	if (!record.sealed)
		return record.text;
	if (open_ != &piece)
	{
		open_ = nullptr;
		text_ = open_sealed(*piece.sealed);
		lines_.assign(piece.records.size(), {});
		std::string_view left = text_;
		for (size_t i = 0; i < lines_.size(); ++i)
			if (piece.records[i].sealed)
			{
				lines_[i] = left.substr(0, left.find('\n'));
				left.remove_prefix(lines_[i].size() + 1);
			}
		open_ = &piece;
	}
	return lines_[static_cast<size_t>(&record - piece.records.data())];
}

} // namespace etl
