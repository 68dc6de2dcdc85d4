// Erasure: what is held about a person is treated as the definitions say, in tables, quarantine,
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

/// Somebody to be erased.
struct ErasureRequest
{
	std::string subject; ///< canonical key; "" when only an email was given and nobody has it
	std::string email;   ///< folded; may be empty
	/// File of the request, "sql" …; those of one file share it. Null: "".
	std::shared_ptr<const std::string> source;
	bool duplicate = false;
	bool held = false;         ///< a legal hold: nothing is erased until it is released
	bool conflict = false;     ///< subject and email are of different people
	bool shared_email = false; ///< others have it, too: it does not tell who is meant
	bool by_email = false;     ///< it gave only an email: the subject was found by it
	bool known = false;        ///< something was held under the key
	bool reinstated = false;   ///< came back since: what is staged may be of after that
	int64_t row_count = 0;     ///< filled by erase_subjects
	int64_t file_count = 0;    ///< the same
	int64_t erasure_id = 0;    ///< 0: a new one
	std::string pseudonym, email_pseudonym; ///< filled where they are empty
	std::string received_at;                ///< of a request that the journal knows; "": now
	uint64_t subject_hash = 0; ///< Identities::subject_hash, where only the pseudonym is known
	uint64_t email_hash = 0;   ///< the same of an email that has a tombstone
	/// Hashes of emails that the subject had: given by the journal, filled by record_erasures.
	std::vector<uint64_t> known_emails;
	std::string failure; ///< why it could not be carried out; no value of a record
	/// Files that still hold the person when all else is treated: nothing is completed before they
	/// can be changed. By their paths as in etl.file_action; and what keeps the first of them.
	std::vector<std::shared_ptr<const std::string>> waits_for;
	std::string obstacle;
	bool untreated = false; ///< etl.erasure has ErasureReport::untreated of it
	std::string status;     ///< as in etl.erasure; "": it follows from the rest
};

/// A place where something about the people was found.
struct ErasedPlace
{
	std::string place;                ///< "data.customers", "processed/date=…/customers.json.gz"
	std::string kind;                 ///< table, quarantine, processed, archived, staged
	std::vector<std::string> columns; ///< that are treated
	std::map<uint32_t, int64_t> rows; ///< by index of the request
	int64_t bytes = 0;                ///< of a file, as it is
};

struct ErasureReport
{
	std::vector<ErasedPlace> places;
	std::vector<std::pair<std::string, std::string>> held; ///< place, and why it stays as it is
	/// Place, and what the erasure can't vouch for there: foreign servers, triggers.
	std::vector<std::pair<std::string, std::string>> remarks;
	/// A place that may hold people and could not be looked into: all else is treated, and nothing
	/// about them is called completed.
	struct Untreated
	{
		std::string place, why;
		std::set<size_t> people; ///< by index of the request; empty: nobody knows whom it holds
	};
	std::vector<Untreated> untreated;
	/// What the places hold, so that a later look can tell whether anything has changed.
	std::vector<std::string> fingerprint;
	bool journal = true; ///< it was written to etl.journal_dir
	/// Index of a request, and the hash of an email that its subject had.
	std::set<std::pair<uint32_t, uint64_t>> known_emails;
};

/// Waits until no other session runs, replays or erases a dataset: an erasure meets whole runs
/// only. Datasets of requests first, the others in order of their names, always; last those that
/// were defined while it waited. Returns the definitions as they are then and stay until the
/// transaction ends.
Catalog lock_for_erasure(const Catalog &catalog);
/// The same, and the index of people knows all files by these definitions, as far as it can.
Catalog lock_people(const Catalog &catalog);

/// Erases, set-based: one statement for each table. Fills the counts, inserts rows of etl.erasure
/// and tombstones, and writes audit and journal. dry_run: only looks.
ErasureReport erase_subjects(const Catalog &known, const std::string &dataset,
							 const std::string &secret, std::vector<ErasureRequest> &requests,
							 const pg::Settings &settings, bool dry_run = false);

/// Looks for people who were erased when nobody knew their keys, and who are known now, in records
/// that do not name anybody where they should: there their keys count as words from now on.
void erase_words_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					std::vector<ErasureRequest> &requests, const pg::Settings &settings);

/// Treats what archived files hold of records that were mended after those whom they are about had
/// been erased.
void erase_mended_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					 std::vector<ErasureRequest> &requests, const pg::Settings &settings);

} // namespace etl
