// Tombstones of erased people, by which their records are recognised when they are delivered later.
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

/// The people whose records a dataset must not load untreated.
class Tombstones
{
  public:
	/// Returns null if there are none. Memory does not grow with the number of tombstones: more
	/// than about 400,000 are in a file that `spill` opens.
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
	std::string_view pseudonym; ///< the caller owns the text
	uint64_t hash;
	int64_t erasure_id;
	bool weak = false; ///< an email that was given with a key, or a key that no known person had
};

/// The name in the tombstone of an email that a person had.
std::string known_email_name(const std::string &subject_pseudonym, uint64_t email_hash);

/// Adds tombstones. Existing ones are not changed, except that a tombstone is no longer weak when
/// its subject has become known. Returns the erasure_id of each added tombstone. The audit trail
/// must record them, so that etl.health can report a missing one.
std::vector<int64_t> add_tombstones(const std::string &dataset,
									const std::vector<NewTombstone> &tombstones);

/// Marks tombstones of these subjects as no longer weak, because the subjects have become known.
void note_known_subjects(const std::string &dataset,
						 const std::vector<std::string_view> &pseudonyms);

/// For each pseudonym, whether there is a tombstone.
std::vector<bool> have_tombstones(const std::string &dataset, const char *kind,
								  const std::vector<std::string_view> &pseudonyms);

} // namespace etl
