#include "core/staging/piece_filler.h"

#include <cstring>
#include <string>
#include <utility>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/json/document.h"

namespace etl
{

PieceFiller::PieceFiller(RecordStager &stager, const FileTask &task, uint32_t file,
						 FileOutcome &outcome, const RejectedLimits &rejected, size_t limit,
						 NextPiece next_piece, StageLong stage_long)
	: stager_(stager), task_(task), file_(file), outcome_(outcome), rejected_(rejected),
	  limit_(limit), next_piece_(std::move(next_piece)), stage_long_(std::move(stage_long))
{
}

void
PieceFiller::start(Piece &piece, size_t buffer_size)
{
	piece_ = &piece;
	buffer_size_ = buffer_size;
}

void
PieceFiller::operator()(const RawRecord &raw)
{
	if (outcome_.rest && outcome_.rest->was_loaded(raw.line))
		return;
	if (piece_->memory_without_buffer() > limit_ ||
		(piece_->dictionary && stager_.dictionary_full()))
		next_piece_();
	if (raw.text.size() <= long_record_bytes)
		return stage(raw);
	// in a piece of its own, so that the records before it do not wait with it
	if (!piece_->records.empty())
		next_piece_();
	stage_long_(raw.text.size(),
				[&]
				{
					stage(raw);
					stager_.release(*piece_);
				});
}

void
PieceFiller::stage(const RawRecord &raw)
{
	RawRecord record = raw;
	const char *begin = piece_->buffer.get();
	size_t readable = raw.text.size();
	if (raw.text.data() >= begin && raw.text.data() < begin + buffer_size_)
		readable = static_cast<size_t>(begin + buffer_size_ - raw.text.data());
	else
		record.text = copy(raw.text, readable);
	stager_.stage(record, readable, file_, task_.context, *piece_);
	if (const auto &violations = piece_->records.back().violations)
		piece_->violation_bytes += memory_of(*violations);
	++outcome_.records;
	outcome_.last_line = raw.line;
	if (const StagedRecord &staged = piece_->records.back(); !staged.loadable)
		count_rejected(staged);
}

/// Copies a text into the piece. A long text gets padding, so that the parser does not copy it
/// again.
std::string_view
PieceFiller::copy(std::string_view text, size_t &readable)
{
	if (text.size() <= long_record_bytes)
		return piece_->arena.copy(text);
	readable = text.size() + Document::padding;
	char *const to = piece_->arena.allocate(readable);
	std::memcpy(to, text.data(), text.size());
	std::memset(to + text.size(), 0, Document::padding);
	return {to, text.size()};
}

/// Throws if the file has more refused records than its definition allows.
void
PieceFiller::count_rejected(const StagedRecord &record)
{
	outcome_.rejected_bytes += record.text.size() + memory_of(*record.violations);
	const bool many = ++outcome_.rejected > rejected_.records;
	if (many || outcome_.rejected_bytes > rejected_.bytes)
		throw FileError(sqlstate::program_limit_exceeded,
						std::string("records that are malformed or break schema or types are "
									"more than \"max_rejected\" allows: ") +
							(many ? std::to_string(rejected_.records) + " of them"
								  : std::to_string(rejected_.bytes) + " bytes"));
}

} // namespace etl
