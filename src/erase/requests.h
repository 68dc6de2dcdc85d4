// Erasure requests that come in staged files.
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

/// The requests of one run of a dataset that asks for erasure. There may be any number of requests:
/// they are answered in slices, each as if it came in a run of its own in the same transaction.
class ErasureRun
{
  public:
	ErasureRun(const Catalog &catalog, const Definition &definition, const std::string &secret);

	/// To be called before the checks: finds the subjects of requests that give only an email, and
	/// marks people who were asked for before.
	void resolve(Batch &batch);
	/// To be called after the checks: notes the accepted requests, and replaces the identifiers in
	/// what is exported and quarantined. erased: the people who were erased before the run; may be
	/// null. delivered: for records that are in none of the files, by StagedRecord::file, the time
	/// of their delivery in microseconds since 2000.
	void collect(Batch &batch, const std::vector<RunFile> &files, const ErasedPeople *erased,
				 const std::vector<int64_t> &delivered = {});
	/// Enough requests were collected: execute() is due.
	bool full() const;
	/// Erases the people of the requests that were collected since the last call.
	void execute();
	/// Writes a copy of a raw file with pseudonyms instead of the identifiers, which becomes the
	/// treated part of the file. erased: the people who were erased before the run; may be null.
	void rewrite_raw_file(RunFile &file, const std::string &part_folder,
						  const ErasedPeople *erased);

  private:
	void wait_for_own_files();
	void add_resolved();

	/// A record that asks for erasures, and the index of its first request in resolved_.
	struct Asks
	{
		const StagedRecord *record;
		size_t first;
	};

	/// The end, in resolved_, of the requests of asks_[k].
	size_t end_of(size_t k) const;
	RecordEraser eraser_of(const Identities &people) const;
	std::string clean_text(std::string line, std::span<const Identities *const> people) const;
	std::string clean_request(Document &document, const RefusedRecord &refused,
							  std::span<const Identities *const> people) const;

	const Catalog catalog_; ///< the definitions after the locks of an erasure were taken
	const Definition &definition_;
	const std::string secret_;
	/// tells whether a value in a refused request has the type of its column
	mutable pg::ServerTypeInput type_input_;
	std::vector<ErasureRequest> requests_; ///< of the current slice
	KeySet seen_; ///< pseudonyms in the current slice; those in earlier slices have tombstones, or
				  ///< wait on hold
	/// The people asked for in the current slice, and those erased in earlier slices: to find them
	/// in lines that cannot be read as requests.
	Identities asked_, erased_;
	std::vector<ErasureRequest>
		resolved_;           ///< the requests of the records of the batch, in their order
	std::vector<Asks> asks_; ///< in the same order
};

} // namespace etl
