// Finds the people whom requests for erasure mean.
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

/// Finds the subjects of requests that give only an email (requests are added where several people
/// have it), conflicts, and people who were asked for before, in the catalog or earlier in `seen`
/// (pseudonyms), to which it adds. Returns for each request, added ones included, the index of the
/// request that it came from.
std::vector<size_t> resolve_requests(const Catalog &catalog, const std::string &dataset,
									 const std::string &secret,
									 std::vector<ErasureRequest> &requests, KeySet &seen);

/// The number of requests, or people, that are answered together: as many as fit etl.batch_memory
/// beside the sets of erased people, within limits.
size_t requests_at_a_time();

/// What all records of a run say about a person who was erased before they came.
struct RecognisedPerson
{
	uint64_t erased_email = 0; ///< see Recognition
	bool was_unknown = false;
	std::set<uint64_t> new_emails;
};
using RecognisedPeople = std::map<std::string, RecognisedPerson>; ///< by key

/// Adds the people whom the batch's pieces have recognised.
void note_recognised(const Batch &batch, RecognisedPeople &recognised);

/// Erases people who were erased by their email before their key was known, and whose records have
/// come now with a key: data about them that came by this key is not treated yet. People who were
/// erased by a key that nobody was known to have are searched for by words now. Emails that are
/// known only now to belong to people erased by key are searched for, too, and remembered. People
/// are taken in slices of requests_at_a_time().
void erase_recognised(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					  RecognisedPeople recognised);

/// Treats the copies in archived files of records that were corrected after the people they are
/// about had been erased, and that name these people only now. subjects: their keys.
void erase_mended(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				  const std::set<std::string> &subjects);

} // namespace etl
