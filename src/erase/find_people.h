// Who is meant by a pseudonym: found by computing the pseudonyms of everybody who is held.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "catalog/definitions.h"

namespace etl
{

/// People looked for by what catalog and journal keep of them.
struct Wanted
{
	std::unordered_set<std::string> subjects; ///< pseudonyms of keys
	std::unordered_set<std::string> emails;   ///< pseudonyms of folded emails
	/// Hash in etl.subject_page of some of the subjects.
	std::unordered_map<std::string, uint64_t> file_hashes;
};

struct Found
{
	std::unordered_map<std::string, std::string> subjects; ///< pseudonym → canonical key
	std::unordered_map<std::string, std::string>
		emails; ///< pseudonym → canonical key of who has it
};

/// Looks in the target tables, in quarantine and, for those who are found in neither and whose hash
/// is known, in the processed and archived files that hold it.
Found find_people(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				  const Wanted &wanted);

/// The canonical keys of people of whom only the hash in etl.subject_page is known: of those who
/// are in the people's own table, or in files of theirs.
std::unordered_map<int64_t, std::string> keys_of_hashes(const Catalog &catalog,
														const std::string &dataset,
														const std::string &secret,
														std::vector<int64_t> hashes);

/// The canonical key at value, "" when it is none.
std::string canonical_key_of(const Catalog &catalog, const std::string &dataset, Value value);

} // namespace etl
