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

/// Adds to recognised, by key, whom the batch's pieces have recognised by email.
void note_recognised(const Batch &batch, std::map<std::string, uint64_t> &recognised);

/// Erases people who were erased by their email before their key was known, and who have come now
/// with one: whatever came about them by key is held in clear. By key: the hash of the email; 0 of
/// people who were erased by a key that nobody was known to have, whose words are looked for now.
void erase_recognised(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					  const std::map<std::string, uint64_t> &recognised);

/// Records about people who were erased were mended since, and name them only now: what archived
/// files hold of them is treated. subjects: their keys.
void erase_mended(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				  const std::set<std::string> &subjects);

} // namespace etl
