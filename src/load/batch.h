// The records that are checked and loaded together.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/staging/staged_record.h"

namespace etl
{

/// A record of a batch.
struct BatchRecord
{
	StagedRecord *record;
	Piece *piece;
	bool accepted = false;
	/// accepted, but a later record of the batch with the same key replaces it
	bool superseded = false;
	bool exists = false; ///< the key is in the target table, so the row is updated
	/// Index of the record of another file that has the same key and came before, or `nothing`.
	uint32_t repeats = nothing;
	static constexpr uint32_t nothing = UINT32_MAX;
};

/// A reference of a record to its own dataset: indices into Batch::records and Piece::references.
struct OwnReference
{
	uint32_t record;
	size_t reference;
};

struct Batch
{
	std::vector<std::unique_ptr<Piece>> pieces;
	std::vector<BatchRecord> records; ///< of all pieces, in order; filled by collect()
	/// The number of accepted records whose rows a trigger has kept out of the table, by
	/// StagedRecord::file. In a replay, all records are counted under 0.
	std::map<uint32_t, uint64_t> kept_out;
	/// References of accepted records to their own dataset whose key is not in the table yet, but
	/// in an accepted record of the batch.
	std::vector<OwnReference> promised;
	/// The partition of a file, given by StagedRecord::file, in hours since 2000-01-01.
	std::function<int64_t(uint32_t)> partition_of;

	void collect();
	/// Removes the pieces and records. Keeps the memory of `records` for the next batch.
	void clear();
	size_t accepted() const;
};

} // namespace etl
