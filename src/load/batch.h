// Records that meet the database together.
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
	bool superseded = false; ///< accepted, but a later record of the batch has the same key
	bool exists = false;     ///< its key is in the target table: the row is updated
	/// Index of the record of another file whose key this one repeats.
	uint32_t repeats = nothing;
	static constexpr uint32_t nothing = UINT32_MAX;
};

/// A reference of a record to its own dataset: indexes into Batch::records and Piece::references.
struct OwnReference
{
	uint32_t record;
	size_t reference;
};

struct Batch
{
	std::vector<std::unique_ptr<Piece>> pieces;
	std::vector<BatchRecord> records; ///< of all pieces, in order; filled by collect()
	/// Accepted records whose rows a trigger has kept out of the table: how many, by
	/// StagedRecord::file. Of a replay's records, all under 0.
	std::map<uint32_t, uint64_t> kept_out;
	/// References to the dataset itself that the table cannot answer yet, of accepted records: an
	/// accepted record of the batch has the key.
	std::vector<OwnReference> promised;
	/// The partition of a file, by StagedRecord::file: hours since 2000-01-01.
	std::function<int64_t(uint32_t)> partition_of;

	void collect();
	/// Back to nothing; keeps the memory of the records, which the next batch needs again.
	void clear();
	size_t accepted() const;
};

} // namespace etl
