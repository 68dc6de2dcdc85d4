// Erasure: a person's data is treated as the definitions say, in tables, in quarantine, and in
// processed, archived and staged files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "catalog/definitions.h"
#include "core/base/key_set.h"
#include "core/privacy/identities.h"
#include "core/privacy/record_eraser.h"
#include "load/batch.h"
#include "load/run_file.h"
#include "pg/settings.h"
#include "publish/plan.h"

namespace etl
{

/// A person who is to be erased.
struct ErasureRequest
{
	std::string subject; ///< canonical key; "" when only an email was given and no person is known
						 ///< to have it
	std::string email;   ///< folded; may be empty
	/// The file that the request came from, or "sql", "journal", "quarantine" …. Requests of one
	/// file share the string. Null means "".
	std::shared_ptr<const std::string> source;
	bool duplicate = false;
	bool held = false;     ///< a legal hold: nothing is erased until it is released
	bool conflict = false; ///< subject and email belong to different people
	/// other people have the email, too: it does not tell which person is meant
	bool shared_email = false;
	bool by_email = false; ///< the request gave only an email, and the subject was found by it
	bool known = false;    ///< something was found under the key
	/// the person came back since: staged files may have data from after that
	bool reinstated = false;
	int64_t row_count = 0;                  ///< filled by erase_subjects
	int64_t file_count = 0;                 ///< filled by erase_subjects
	int64_t erasure_id = 0;                 ///< 0: a new row of etl.erasure
	std::string pseudonym, email_pseudonym; ///< computed where empty
	std::string received_at;                ///< set for a request that the journal knows; "": now
	/// Identities::subject_hash, for a subject of which only the pseudonym is known
	uint64_t subject_hash = 0;
	uint64_t email_hash = 0; ///< Identities::email_hash of an email that has a tombstone
	/// Hashes of emails that the subject had: read from the journal or from records, and completed
	/// by record_erasures().
	std::vector<uint64_t> known_emails;
	/// why the request could not be carried out; contains no value of a record
	std::string failure;
	/// The files, by their paths as in etl.file_action, that still name the person after everything
	/// else was treated and cannot be changed now: the request is not completed before they can be.
	/// obstacle says why the first of them cannot be changed.
	std::vector<std::shared_ptr<const std::string>> waits_for;
	std::string obstacle;
	bool untreated = false; ///< places of ErasureReport::untreated concern the request
	std::string status;     ///< as in etl.erasure; "": computed from the other members
};

/// A place where data about the people was found.
struct ErasedPlace
{
	std::string place;                ///< "data.customers", "processed/date=…/customers.json.gz"
	std::string kind;                 ///< table, quarantine, processed, archived, staged
	std::vector<std::string> columns; ///< the treated columns
	std::map<uint32_t, int64_t> rows; ///< number of rows by index of the request
	int64_t bytes = 0;                ///< size of a file before the treatment
};

/// The index of a request, and the hash of an email that its subject had.
using KnownEmails = std::set<std::pair<uint32_t, uint64_t>>;

struct ErasureReport
{
	std::vector<ErasedPlace> places;
	/// places that are not treated, each with the reason
	std::vector<std::pair<std::string, std::string>> unreached;
	/// A place, and a risk there that the erasure cannot exclude: foreign servers, triggers.
	std::vector<std::pair<std::string, std::string>> remarks;
	/// A place that may contain data about people and could not be read. All other places are
	/// treated, but no request that it concerns is called completed.
	struct Untreated
	{
		std::string place, why;
		std::set<size_t> people; ///< by index of the request; empty: it is not known which people
								 ///< the place holds
	};
	std::vector<Untreated> untreated;
	/// Names and hashes of the content of the places: a plan computed later has the same list
	/// unless something has changed.
	std::vector<std::string> fingerprint;
	bool journal = true; ///< the erasure was written to etl.journal_dir
	KnownEmails known_emails;

	/// Reports a place that may be about the people and cannot be read: other places are treated,
	/// and the requests are not completed.
	void note_untreated(const std::string &place, const std::string &why,
						std::set<size_t> people = {})
	{
		unreached.emplace_back(place, why);
		untreated.push_back({place, why, std::move(people)});
	}
};

/// Waits until no other session runs, replays or erases a dataset, because an erasure must see
/// whole runs only. Locks in a fixed order: first the datasets that ask for erasure, then the
/// others, each by name; last the datasets that were defined while it waited, and the dropped ones.
/// Returns the definitions as they are after that; they do not change until the transaction ends.
/// Throws 25001 unless the isolation level is READ COMMITTED.
Catalog lock_for_erasure(const Catalog &catalog);
/// Calls lock_for_erasure(), then brings the index of people up to date with these definitions for
/// all files that can be read.
Catalog lock_people(const Catalog &catalog);

/// Erases the people of the requests, with one statement for each table. Fills the counts of the
/// requests, inserts rows of etl.erasure and tombstones, and writes to the audit trail and to the
/// journal. With dry_run it only counts.
ErasureReport erase_subjects(const Catalog &known, const std::string &dataset,
							 const std::string &secret, std::vector<ErasureRequest> &requests,
							 const pg::Settings &settings, bool dry_run = false);

/// Searches again for people who were erased before any person was known to have their keys, and
/// whose keys are known now. It searches quarantined records that name nobody where they should,
/// and their files: from now on, such a key counts in them wherever it stands as a word.
void erase_words_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					std::vector<ErasureRequest> &requests, const pg::Settings &settings);

/// Treats, in archived files, records that were corrected in quarantine after the people they are
/// about had been erased.
void erase_mended_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					 std::vector<ErasureRequest> &requests, const pg::Settings &settings);

} // namespace etl
