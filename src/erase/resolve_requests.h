// Whom requests for erasure mean.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "erase/erase.h"
#include "load/batch.h"

namespace etl
{

/// Whom the requests mean: finds the subjects of those that give only an email (several people may
/// have it: then requests are added), conflicts, and what was asked for before, in the catalog or
/// earlier in `seen` (pseudonyms), which is added to. Returns for each request, added ones
/// included, the index of the request that it came from.
std::vector<size_t> resolve_requests(const Catalog &catalog, const std::string &dataset,
									 const std::string &secret,
									 std::vector<ErasureRequest> &requests, KeySet &seen);

/// How many requests, or people, are answered together: as many as etl.batch_memory has room for
/// beside the sets of who has been erased, within limits.
size_t requests_at_a_time();

/// What records tell of somebody who was erased before they came.
struct Recognised
{
	uint64_t erased_email = 0; ///< RecognisedPerson has the same
	bool was_unknown = false;
	std::set<uint64_t> new_emails;
};
using RecognisedPeople = std::map<std::string, Recognised>; ///< by key

/// Adds to recognised whom the batch's pieces have recognised.
void note_recognised(const Batch &batch, RecognisedPeople &recognised);

/// Erases people who were erased by their email before their key was known, and who have come now
/// with one: whatever came about them by key is held in clear. Of people who were erased by a key
/// that nobody was known to have the words are looked for now; of all who were erased by key, the
/// emails that are known to be theirs only now, which are remembered. Takes requests_at_a_time() of
/// them up.
void erase_recognised(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					  RecognisedPeople recognised);

/// Records about people who were erased were mended since, and name them only now: what archived
/// files hold of them is treated. subjects: their keys.
void erase_mended(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				  const std::set<std::string> &subjects);

} // namespace etl
