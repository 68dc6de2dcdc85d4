// Tombstones: who has been erased, so that nobody comes back by a late delivery.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/base/spill_file.h"
#include "core/definition/definition.h"
#include "core/privacy/identities.h"
#include "core/privacy/pseudonym.h"
#include "core/privacy/record_eraser.h"
#include "core/staging/staged_record.h"

namespace etl
{

/// The people whose records a dataset must not let in as they come.
class Tombstones
{
  public:
	/// Null when there are none. Memory does not grow with their number: what is more than some
	/// 400,000 goes to a file that `spill` opens.
	static std::unique_ptr<Tombstones> load(const Catalog &catalog, const Definition &definition,
											OpenSpillFile spill);
	const ErasedPeople *erased() const { return &erased_; }

  private:
	Tombstones(const std::string &secret, const std::string &dataset, OpenSpillFile spill);
	Identities people_;
	ErasedPeople erased_;
};

struct NewTombstone
{
	const char *kind;           ///< "subject", "email", "known_email"
	std::string_view pseudonym; ///< the caller's
	uint64_t hash;
	int64_t erasure_id;
	bool weak = false; ///< an email that came with a key; a key that nobody was known to have
};

/// The pseudonym under which the tombstone of an email stands that a person was known by.
std::string known_email_name(const std::string &subject_pseudonym, uint64_t email_hash);

/// Those that are there already stay as they are, but that of a subject who is known now is weak no
/// more. Returns the erasure_id of each one that was added: the audit trail must know of it, so
/// that etl.health can tell when one is gone.
std::vector<int64_t> add_tombstones(const std::string &dataset,
									const std::vector<NewTombstone> &tombstones);

/// Subjects whose tombstones are weak, and whom something is known about now.
void note_known_subjects(const std::string &dataset,
						 const std::vector<std::string_view> &pseudonyms);

/// For each pseudonym: is there a tombstone?
std::vector<bool> have_tombstones(const std::string &dataset, const char *kind,
								  const std::vector<std::string_view> &pseudonyms);

} // namespace etl
