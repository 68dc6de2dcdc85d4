// Check and load: a batch of staged records meets the database.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/bloom_filter.h"
#include "run/run.h"
#include "run/spanning_keys.h"

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
	/// Accepted records whose rows a trigger has kept out of the table: how many, by
	/// StagedRecord::file. Of a replay's records, all under 0.
	std::map<uint32_t, uint64_t> kept_out;
	/// The partition of a file, by StagedRecord::file: hours since 2000-01-01.
	std::function<int64_t(uint32_t)> partition_of;

	void collect();
	/// Back to nothing; keeps the memory of the records, which the next batch needs again.
	void clear();
	size_t accepted() const;
};

/// What a run has learned from batch to batch, so that the database need not be asked again.
class CheckMemory
{
  public:
	/// Whether each key of a dictionary is known to be in its dataset's table.
	enum class Known : uint8_t
	{
		unknown,
		present,
		missing, ///< so far: the batch that comes may ask again
		asked
	};
	std::vector<Known> &of(const std::shared_ptr<const KeyDictionary> &dictionary);
	/// Forgets the dictionaries that no batch can bring any more.
	void forget_old();
	/// Notes what was loaded of a batch.
	void note_loaded(const Batch &batch);

	/// The table was empty when the run began: keys that are in it were loaded by the run.
	bool only_own_keys = false;
	/// From now on it is known for certain which keys the run has loaded: the table's index is not
	/// in use. Before anything is loaded.
	void know_own_keys();
	bool knows_own_keys() const { return own_keys_.has_value(); }
	/// False: the run has loaded no such key. True: it has, where knows_own_keys(), or may have.
	bool may_be_own(const StagedRecord &record) const
	{
		return own_.may_contain(record.key_hash) && (!own_keys_ || own_keys_->contains(record.key));
	}
	bool any_own() const { return !own_.empty(); }

  private:
	/// A list: what of() returned stays where it is.
	std::list<std::pair<std::shared_ptr<const KeyDictionary>, std::vector<Known>>> known_;
	BloomFilter own_; ///< keys that the run has loaded: says no for nearly all others
	std::optional<KeySet> own_keys_; ///< the same keys, for certain
};

/// Checks keys and references, set-based, then loads what is left; afterwards each record is either
/// accepted or has its violations, sorted by code. spanning may be null.
void check_and_load(const Catalog &catalog, const Definition &definition, Batch &batch,
					const SpanningKeys *spanning);

/// Which of the candidates (positions in records) have a key that is in the target table. memory
/// may be null.
std::vector<uint32_t> keys_in_table(const Definition &definition,
									const std::vector<BatchRecord> &records,
									std::vector<uint32_t> candidates,
									const CheckMemory *memory = nullptr);
Violation duplicate_violation(const Definition &definition, const char *where);

/// The checks alone. memory may be null.
void check(const Catalog &catalog, const Definition &definition, Batch &batch,
		   const SpanningKeys *spanning, CheckMemory *memory = nullptr);

/// True when the target table exists and holds a row.
bool has_rows(const TableDefinition &table);

/// Loads the accepted records; those that a table refuses get a constraint violation. memory may be
/// null.
void load(const Definition &definition, Batch &batch, const CheckMemory *memory = nullptr);

} // namespace etl
