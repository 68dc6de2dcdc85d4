#include "core/sealed_piece.h"

namespace etl
{

bool
seal(Piece &piece, TextSealer &sealer)
{
	const auto is_good = [](const StagedRecord &r) { return r.loadable && !r.violations; };
	for (const StagedRecord &r : piece.records)
		if (is_good(r) && r.output.data() != r.text.data())
			return false;
	sealer.begin();
	for (StagedRecord &r : piece.records)
		if (is_good(r))
		{
			sealer.add(r.text);
			r.sealed = true;
		}
		else
			r.text = r.output = piece.arena.copy(r.text);
	piece.sealed = sealer.finish();
	for (StagedRecord &r : piece.records)
		if (r.sealed)
			r.text = r.output = {};
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
