// Staged requests for erasure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "erase/erase.h"
#include "load/batch.h"
#include "load/run_file.h"
#include "pg/type_input.h"

namespace etl
{

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
	/// quarantined. erased: who was erased before the run; may be null. delivered: of records that
	/// are in none of the files, by StagedRecord::file, when they were, in microseconds since 2000.
	void collect(Batch &batch, const std::vector<RunFile> &files, const ErasedPeople *erased,
				 const std::vector<int64_t> &delivered = {});
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
	std::string clean_request(Document &document, const RefusedRecord &refused,
							  std::span<const Identities *const> people) const;

	const Catalog catalog_; ///< as an erasure must know it
	const Definition &definition_;
	const std::string secret_;
	mutable pg::ServerTypeInput type_input_; ///< says what fits its column in a refused request
	std::vector<ErasureRequest> requests_;   ///< of the slice
	KeySet seen_; ///< pseudonyms in the slice; those before it have tombstones, or wait on hold
	/// Who is asked about in the slice, and in those before it: for lines that can't be read as
	/// requests.
	Identities asked_, erased_;
	std::vector<ErasureRequest>
		resolved_;           ///< what the records of the batch ask for, in their order
	std::vector<Asks> asks_; ///< in that order, too
};

} // namespace etl
