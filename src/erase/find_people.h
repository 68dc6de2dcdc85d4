// Finds the people who are meant by pseudonyms, by computing the pseudonyms of all people in the
// database and its files.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "catalog/definitions.h"

namespace etl
{

/// The people to find, by what the catalog and the journal keep of them.
struct Wanted
{
	std::unordered_set<std::string> subjects; ///< pseudonyms of keys
	std::unordered_set<std::string> emails;   ///< pseudonyms of folded emails
	/// The hash in etl.subject_page, known for some of the subjects.
	std::unordered_map<std::string, uint64_t> file_hashes;
};

struct Found
{
	std::unordered_map<std::string, std::string> subjects; ///< pseudonym → canonical key
	std::unordered_map<std::string, std::string>
		emails; ///< pseudonym → canonical key of the person who has the email
};

/// Searches the target tables and quarantine. People who are found in neither, and whose hash is
/// known, are searched for in the processed and archived files that have this hash in the index.
Found find_people(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				  const Wanted &wanted);

/// Finds the canonical keys of people of whom only the hash in etl.subject_page is known. Searches
/// the people's own table and the dataset's files.
std::unordered_map<int64_t, std::string> keys_of_hashes(const Catalog &catalog,
														const std::string &dataset,
														const std::string &secret,
														std::vector<int64_t> hashes);

/// The canonical key of the person whom a record of the dataset is about. Empty if it names nobody.
std::string canonical_key_of(const Catalog &catalog, const Definition &definition,
							 const Document &document);

} // namespace etl
