// Loads files that are in the archive but not in the catalog: etl_reload.
//
// The files are read in the archive and stay there. They are loaded like any file, with quarantine,
// references, erased people and the order of partitions. Processed files that are not in the
// catalog are the output of unknown runs. Those of files that are loaded again are replaced, and
// the remaining ones are removed.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "catalog/run_row.h"
#include "core/definition/definition.h"
#include "load/claim.h"
#include "pg/settings.h"

namespace etl
{

class Reload
{
  public:
	/// `since`: files that were archived before this time are left out, in microseconds since 2000.
	/// The caller must have the dataset's lock.
	Reload(const Definition &definition, const pg::Settings &settings, int64_t since);

	/// The next files for a run, like Claim::take(). Two files with the same name are never
	/// returned together, because the second may have the same contents as the first, which the
	/// catalog must know then.
	std::vector<StagedFile> take(size_t count);
	/// Begins at the first file again, for a new run.
	void rewind() { next_ = 0; }
	size_t files() const { return files_.size(); }

	/// The name, relative to the processed directory, for the accepted records of a file.
	std::string processed_name(const std::string &path) const;

	/// Plans the removal of processed files that were not replaced.
	void remove_stale_processed() const;
	/// Removes the entries of files that an earlier reload has left out and this one has not.
	void forget_left_out() const;
	/// Records the files in the catalog without loading them. Used for a dataset of requests for
	/// erasure, because the archive has pseudonyms in place of people.
	void only_note(RunResult &run) const;

  private:
	const Definition &definition_;
	const pg::Settings &settings_;
	std::vector<StagedFile> files_; ///< in the order of partition, path and number
	size_t next_ = 0;
	std::unordered_set<std::string> known_processed_; ///< relative paths
	std::vector<StagedFile> stale_; ///< processed files that are not in the catalog
};

/// Whether the archive has files of the dataset that a reload has left out.
bool has_left_out(const std::string &dataset);

} // namespace etl
