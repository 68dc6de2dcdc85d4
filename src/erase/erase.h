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

#include "core/identities.h"
#include "core/key_set.h"
#include "core/record_eraser.h"
#include "run/actions.h"
#include "run/batch.h"

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
	std::string status; ///< as in etl.erasure; "": it follows from the rest
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
	/// What the places hold, so that a later look can tell whether anything has changed.
	std::vector<std::string> fingerprint;
	bool journal = true; ///< it was written to etl.journal_dir
	/// Index of a request, and the hash of an email that its subject had.
	std::set<std::pair<uint32_t, uint64_t>> known_emails;
};

/// Notes that a file, which is known by that place, still holds the person.
void add_waiting(ErasureRequest &request, const std::shared_ptr<const std::string> &path,
				 const std::string &place, const std::string &why);
/// Tells of requests that wait for files, in a WARNING.
void warn_of_waiting(std::span<const ErasureRequest> requests);

/// Completes those that waited for files which have been changed since. After recover(). Returns
/// their numbers.
std::vector<int64_t> complete_waiting_erasures();

/// Waits until no other session runs, replays or erases a dataset: an erasure meets whole runs
/// only. Datasets of requests first, the others in order of their names, always.
void lock_for_erasure(const Catalog &catalog);

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
/// with one: whatever came about them by key is held in clear. By key: the hash of the email.
void erase_recognised(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					  const std::map<std::string, uint64_t> &recognised);

/// Erases, set-based: one statement for each table. Fills the counts, inserts rows of etl.erasure
/// and tombstones, and writes audit and journal. dry_run: only looks.
ErasureReport erase_subjects(const Catalog &catalog, const std::string &dataset,
							 const std::string &secret, std::vector<ErasureRequest> &requests,
							 const pg::Settings &settings, bool dry_run = false);

/// The definition of a dataset that has people; throws 22023 for any other.
const Definition &people_definition(const Catalog &catalog, const std::string &dataset);
/// The canonical key of a person as somebody wrote it ("067318" is 67318). Throws 22004 where it is
/// empty, and what the key's type says (22P02, 22003) where it is none.
std::string canonical_person(const Catalog &catalog, const std::string &dataset,
							 const std::string &subject);
std::string canonical_person(const ColumnType &key, const std::string &dataset,
							 const std::string &subject);

/// The text of a record with its personal fields treated; "" when it is no JSON.
std::string anonymized_text(const Definition &definition, Document &document, std::string_view text,
							std::string_view token);

/// The requests of one run of a dataset that asks for erasure. There may be any number of them:
/// they are answered in slices, each as if it came in a run of its own in the same transaction.
class ErasureRun
{
  public:
	ErasureRun(const Catalog &catalog, const Definition &definition, const std::string &secret);

	/// Before the checks: finds the subject of requests that give only an email, and marks those
	/// that were asked for before.
	void resolve(Batch &batch);
	/// After them: notes accepted requests, and takes the identifiers out of what is exported and
	/// quarantined.
	void collect(Batch &batch, const std::vector<RunFile> &files);
	/// Enough was collected: execute() is due.
	bool full() const;
	/// Erases whom the requests collected since the last time are about.
	void execute();
	/// Writes a copy of a raw file in which pseudonyms stand for the identifiers; it is the file's
	/// treated part then. erased: who was erased before the run; may be null.
	void rewrite_raw_file(RunFile &file, const std::string &part_folder,
						  const ErasedPeople *erased);

  private:
	void wait_for_own_files();

	/// A record that asks for something, and where that begins in resolved_.
	struct Asks
	{
		const StagedRecord *record;
		size_t first;
	};

	/// Where what asks_[k] asks for ends.
	size_t end_of(size_t k) const;
	RecordEraser eraser_of(const Identities &people) const;
	std::string clean_text(std::string line, std::span<const Identities *const> people) const;
	std::string clean_request(const Document &document,
							  std::span<const Identities *const> people) const;

	const Catalog &catalog_;
	const Definition &definition_;
	const std::string secret_;
	std::vector<ErasureRequest> requests_; ///< of the slice
	KeySet seen_; ///< pseudonyms in the slice; those before it have tombstones, or wait on hold
	/// Who is asked about in the slice, and in those before it: for lines that can't be read as
	/// requests.
	Identities asked_, erased_;
	std::vector<ErasureRequest>
		resolved_;           ///< what the records of the batch ask for, in their order
	std::vector<Asks> asks_; ///< in that order, too
};

} // namespace etl
