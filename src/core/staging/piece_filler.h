// Puts the records that a splitter finds in a file into pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/definition/definition.h"
#include "core/records/record_splitter.h"
#include "core/staging/staged_record.h"
#include "core/staging/stager.h"

namespace etl
{

/// The sink of a RecordSplitter. It stages each record into the current piece and asks for a new
/// piece when this one is full. It throws FileError (54000) when more of the file is refused than
/// its definition allows. All arguments must outlive it.
class PieceFiller
{
  public:
	using NextPiece = std::function<void()>;
	using StageLong = std::function<void(size_t, const std::function<void()> &)>;

	/// `next_piece` is called when the records of a piece take more than `limit` bytes, and starts
	/// another piece. `stage_long(size, stage)` calls `stage` when a record of this size may be
	/// staged. `rejected` has the limits for refused records of a file.
	PieceFiller(RecordStager &stager, const FileTask &task, uint32_t file, FileOutcome &outcome,
				const RejectedLimits &rejected, size_t limit, NextPiece next_piece,
				StageLong stage_long);
	/// Starts a piece. Records inside its buffer, which ends with padding, are used in place. Other
	/// records are copied.
	void start(Piece &piece, size_t buffer_size);
	void operator()(const RawRecord &raw);

  private:
	void stage(const RawRecord &raw);
	std::string_view copy(std::string_view text, size_t &readable);
	void count_rejected(const StagedRecord &record);

	RecordStager &stager_;
	const FileTask &task_;
	uint32_t file_;
	FileOutcome &outcome_;
	const RejectedLimits &rejected_;
	const size_t limit_;
	const NextPiece next_piece_;
	const StageLong stage_long_;
	Piece *piece_ = nullptr;
	size_t buffer_size_ = 0;
};

} // namespace etl
