// The engine of an erasure. Its three parts are tables, quarantine and files.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <unordered_set>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/output/file_rewriter.h"
#include "erase/erase_quarantine.h"
#include "erase/erase_tables.h"
#include "erase/erasure.h"
#include "load/claim.h"
#include "pg/spi.h"

namespace etl
{

/// One erasure of a set of people. It can also search without erasing, and pass on the records that
/// it finds.
class Eraser
{
  public:
	using Mode = Erasure::Mode;
	Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
		   std::vector<ErasureRequest> &requests, const pg::Settings &settings, Mode mode);

	void run();
	/// Only quarantined records in which a word names the people, and the files of these records.
	void run_words();
	/// Only the lines of archived files whose records were corrected since and are about the people
	/// now.
	void run_mended();
	ErasureReport &report() { return erasure_.report; }
	/// For Mode::collect, to be called before run(): sink is called with the place and the text, as
	/// JSON, of each record found.
	void on_record(std::function<void(const std::string &, const std::string &)> sink)
	{
		erasure_.sink = std::move(sink);
	}

  private:
	struct Copy;

	void erase_unnamed_records();
	void erase_quarantined_files();
	void erase_emails_of_files(const KnownEmails &known);
	std::set<size_t> people_in(const Copy &copy);
	void note_invalid_definitions();
	void fingerprint_definitions();
	void erase_files();
	void remark_forgotten_records(const std::string &dataset);
	void find_files(const std::string &dataset, const std::vector<int64_t> &subjects,
					const std::set<int64_t> &more = {});
	void find_some_files(const std::string &dataset, std::span<const int64_t> ids);
	void add_known(Copy copy, const std::unordered_map<std::string, std::string> &pending,
				   const std::unordered_map<int64_t, WaitingRaw> &raw_files);
	const std::set<int64_t> &unindexed(const std::string &dataset);
	void cannot_treat(const Copy &copy, const FileError &error);
	void wait_for(const RewriteOutcome &outcome, const std::string &path, const std::string &place,
				  const std::string &why);
	void note_obstacles(const Copy &copy, const RewriteOutcome &outcome, const FileAction &action);
	void find_staged();
	void add_staged(const StagedFile &file);
	void find_exports();
	void find_exports_of(const std::string &dataset, const std::vector<int64_t> &ids,
						 const std::string &processed_dir);
	void rewrite_csv(Copy &copy, const TableDefinition &table);
	void note_rewritten_exports();
	void add_copy(Copy copy);
	void rewrite_files();
	void finish_copy(const Copy &copy, RewriteOutcome &outcome);

	Erasure erasure_;
	SoughtPeople &people_;
	TableEraser tables_;
	QuarantineEraser quarantine_;
	std::vector<Copy> copies_; ///< the copies to be rewritten next
	/// Staged files of datasets that ask for erasure: the first file of each dataset, and their
	/// number.
	std::map<std::string, std::pair<std::string, size_t>> staged_requests_;
	std::unordered_set<int64_t> found_duplicates_;
	std::vector<std::pair<int64_t, std::string>> rewritten_exports_; ///< with their new hashes
	std::vector<int64_t> rewritten_archives_;
	std::vector<std::string> rewritten_hashes_;
	std::map<std::string, std::vector<FileAction>> actions_;
	/// The people in each file of a dataset, as the index says, for files that cannot be read:
	/// dataset, then file_id, then indexes of requests.
	std::map<std::string, std::unordered_map<int64_t, std::set<size_t>>> people_in_files_;
	std::map<std::string, std::set<int64_t>> unindexed_files_; ///< by dataset
};

/// A copy of a file that may be about the people.
struct Eraser::Copy
{
	const Reading *reading;
	int64_t file_id;
	std::string path;  ///< final, absolute
	std::string place; ///< "archived/date=…"
	const char *kind;
	RewriteTask task;
	FileIdentity identity;
	bool waits = false; ///< a staged file that is loaded, and could not be archived yet
	/// set for an archived file that was not moved to the archive yet
	std::optional<WaitingRaw> raw = {};
	const std::string &dataset() const { return reading->last().dataset; }
};

} // namespace etl
