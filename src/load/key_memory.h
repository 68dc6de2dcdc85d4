// Which keys a run knows to be in tables, so that the database need not be asked again.
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

	/// Whether records in quarantine claim keys. Nothing else puts them there while the run lasts,
	/// so that one question is enough: to answer it takes a look at all that the run has refused.
	std::optional<bool> any_claims;

  private:
	/// A list: what of() returned stays where it is.
	std::list<std::pair<std::shared_ptr<const KeyDictionary>, std::vector<Known>>> known_;
	BloomFilter own_; ///< keys that the run has loaded: says no for nearly all others
	std::optional<KeySet> own_keys_; ///< the same keys, for certain
};

} // namespace etl
