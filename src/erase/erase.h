// Erasure: what is held about a person is treated as the definitions say, in tables, quarantine,
// processed and archived files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "run/actions.h"
#include "run/batch.h"

namespace etl
{

/// Somebody to be erased.
struct ErasureRequest
{
	std::string subject; ///< canonical key; "" when only an email was given and nobody has it
	std::string email;   ///< folded; may be empty
	std::string source;
	bool duplicate = false;
	bool held = false;     ///< a legal hold: nothing is erased until it is released
	int64_t row_count = 0; ///< filled by erase_subjects
	/// Of a request that the catalog or the journal knows already; 0: a new one. Filled by
	/// record_erasures.
	int64_t erasure_id = 0;
	/// Known from the journal or from a request that waited, where the identifiers are not.
	std::string pseudonym, email_pseudonym;
	std::string received_at; ///< of such a request
	std::string status;      ///< as in etl.erasure; "": it follows from the rest
};

/// Erases the subjects of a dataset: set-based, one statement for each table. Fills row_count.
/// Inserts the rows of etl.erasure.
void erase_subjects(const Catalog &catalog, const std::string &dataset, const std::string &secret,
					std::vector<ErasureRequest> &requests, const pg::Settings &settings);

/// The requests of one run of a dataset that asks for erasure.
class ErasureRun
{
  public:
	ErasureRun(const Catalog &catalog, const Definition &definition, const std::string &secret,
			   int64_t run_id);

	/// Before the checks: finds the subject of requests that give only an email, and marks those
	/// that were asked for before.
	void resolve(Batch &batch);
	/// After them: notes accepted requests, and takes the identifiers out of what is exported and
	/// quarantined.
	void collect(Batch &batch, const std::vector<RunFile> &files);
	/// Erases.
	void execute();
	/// Writes a copy of a raw file in which pseudonyms stand for the identifiers. Returns its path,
	/// "" when the file holds no request.
	std::string rewritten_raw_file(const RunFile &file, const std::string &part_folder);

  private:
	std::string pseudonymized(std::string_view text, Document &document) const;

	const Catalog &catalog_;
	const Definition &definition_;
	const std::string secret_;
	std::vector<ErasureRequest> requests_;
};

/// The text of a record with its personal fields treated; "" when it is no JSON.
std::string anonymized_text(const Definition &definition, Document &document, std::string_view text,
							std::string_view token);

} // namespace etl
