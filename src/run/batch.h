// Check and load: a batch of staged records meets the database.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "run/run.h"

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
};

struct Batch
{
	std::vector<std::unique_ptr<Piece>> pieces;
	std::vector<BatchRecord> records; ///< of all pieces, in order; filled by collect()

	void collect();
	size_t accepted() const;
};

/// Keys that a file had in earlier batches, for a file that spans several.
struct SpanningKeys
{
	uint32_t file = 0;
	std::unordered_set<std::string> keys;
};

/// Checks keys and references, set-based, then loads what is left; afterwards each record is either
/// accepted or has its violations, sorted by code. spanning may be null.
void check_and_load(const Catalog &catalog, const Definition &definition, Batch &batch,
					const SpanningKeys *spanning);

/// Which of the candidates (positions in records) have a key that is in the target table.
std::vector<uint32_t> keys_in_table(const Definition &definition,
									const std::vector<BatchRecord> &records,
									const std::vector<uint32_t> &candidates);
Violation duplicate_violation(const Definition &definition, const char *where);

/// The checks alone (a dry run).
void check(const Catalog &catalog, const Definition &definition, Batch &batch,
		   const SpanningKeys *spanning);

/// Loads the accepted records; those that a table refuses get a constraint violation.
void load(const Definition &definition, Batch &batch);

} // namespace etl
