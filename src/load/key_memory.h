// Remembers which keys are in tables, so that the database need not be asked again.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/bloom_filter.h"
#include "core/base/key_set.h"
#include "load/batch.h"

namespace etl
{

/// What a run has learned in its batches, so that the database need not be asked again.
class CheckMemory
{
  public:
	/// Whether a key of a dictionary is in its dataset's table.
	enum class Known : uint8_t
	{
		unknown,
		present,
		missing, ///< missing so far; the next batch asks again
		asked
	};
	std::vector<Known> &of(const std::shared_ptr<const KeyDictionary> &dictionary);
	/// Forgets dictionaries that no further batch can have.
	void forget_old();
	/// Remembers the keys that were loaded with a batch.
	void note_loaded(const Batch &batch);

	/// The table was empty when the run began, so all keys in it were loaded by the run.
	bool only_own_keys = false;
	/// From now on it is known for certain which keys the run has loaded, because the table's index
	/// is not in use. Call it before anything is loaded.
	void know_own_keys();
	bool knows_own_keys() const { return own_keys_.has_value(); }
	/// False if the run has certainly not loaded the key. True is certain only if knows_own_keys().
	bool may_be_own(const StagedRecord &record) const
	{
		return own_.may_contain(record.key_hash) && (!own_keys_ || own_keys_->contains(record.key));
	}
	bool any_own() const { return !own_.empty(); }

	/// Whether records in quarantine claim keys. During a run only the run itself quarantines
	/// records, so the database is asked only once: the answer needs a look at everything that the
	/// run has refused.
	std::optional<bool> any_claims;

  private:
	/// A list, so that references that of() has returned stay valid.
	std::list<std::pair<std::shared_ptr<const KeyDictionary>, std::vector<Known>>> known_;
	BloomFilter own_; ///< keys that the run has loaded; says no for nearly all others
	std::optional<KeySet> own_keys_; ///< the same keys, exactly
};

} // namespace etl
