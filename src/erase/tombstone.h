// Tombstones: who has been erased, so that nobody comes back by a late delivery.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/identities.h"
#include "core/staged_record.h"

namespace etl
{

/// The people whose records a dataset must not let in as they come.
class Tombstones
{
  public:
	/// Null when there are none. Memory does not grow with their number: part_folder gets a file
	/// without a name for what is more than some 400,000.
	static std::unique_ptr<Tombstones> load(const Definition &definition,
											const std::string &part_folder);
	const ErasedPeople *erased() const { return &erased_; }

  private:
	Tombstones(const std::string &secret, const std::string &dataset,
			   const std::string &part_folder);
	Identities people_;
	ErasedPeople erased_;
};

/// Bytes that a run holds in memory of each kind of identifier of people who have been erased.
size_t erased_memory();

struct NewTombstone
{
	const char *kind;           ///< "subject", "email", "known_email"
	std::string_view pseudonym; ///< the caller's
	uint64_t hash;
	int64_t erasure_id;
	bool weak = false; ///< an email that came with a key
};

/// The pseudonym under which the tombstone of an email stands that a person was known by.
std::string known_email_name(const std::string &subject_pseudonym, uint64_t email_hash);

/// Those that are there already stay as they are. Returns the erasure_id of each one that was
/// added: the audit trail must know of it, so that etl.health can tell when one is gone.
std::vector<int64_t> add_tombstones(const std::string &dataset,
									const std::vector<NewTombstone> &tombstones);

/// For each pseudonym: is there a tombstone?
std::vector<bool> have_tombstones(const std::string &dataset, const char *kind,
								  const std::vector<std::string_view> &pseudonyms);

} // namespace etl
