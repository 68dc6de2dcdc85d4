// Loading files again that are in the archive and not in the catalog: etl_reload.
//
// They are read where they are and stay there. What they are loaded into is what any file is loaded
// into, so that quarantine, references, erased people and the order of partitions are as ever.
// Processed files that the catalog does not know are the output of runs that it does not know:
// those of the files that are loaded again are replaced, and what is left of them is removed.
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
	/// since: files that were put into the archive before that are left out, in microseconds since
	/// 2000. Needs the dataset's lock.
	Reload(const Definition &definition, const pg::Settings &settings, int64_t since);

	/// Files for a run to take up, as Claim::take() gives them. Two that came under one name are
	/// never in one answer: the second may be the first one's bytes, which the catalog must tell.
	std::vector<StagedFile> take(size_t count);
	/// From the first file again: a run has begun anew.
	void rewind() { next_ = 0; }
	size_t files() const { return files_.size(); }

	/// The name, relative to the processed folder, of what is accepted of a file.
	std::string processed_name(const std::string &path) const;

	/// Plans the removal of processed files that nobody wrote in place of.
	void remove_stale_processed() const;
	/// Those of the files that an earlier reload has left out are no longer.
	void forget_left_out() const;
	/// Notes the files in the catalog without loading them, as those of a dataset of erasure
	/// requests: the archive has pseudonyms in place of people.
	void only_note(RunResult &run) const;

  private:
	const Definition &definition_;
	const pg::Settings &settings_;
	std::vector<StagedFile> files_; ///< in order of partition, path and number
	size_t next_ = 0;
	std::unordered_set<std::string> known_processed_; ///< relative paths
	std::vector<StagedFile> stale_;                   ///< processed files that are not known
};

/// Whether the archive has files of the dataset that a reload has left out.
bool has_left_out(const std::string &dataset);

} // namespace etl
