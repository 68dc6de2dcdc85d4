// Which files hold whose records: a sorted index over runs, written sequentially so that loading
// does not pay for it, and read a page at a time so that an erasure does not, either.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace etl
{

struct SubjectFile
{
	int64_t subject; ///< keyed hash (Identities::subject_hash)
	int64_t file_id;
	auto operator<=>(const SubjectFile &) const = default;
};

/// Adds a segment. The dataset must be locked. Sorts the pairs.
void add_subject_files(const std::string &dataset, std::vector<SubjectFile> &pairs);

/// Merges small segments, and leaves out files that are not in etl.file: a run's own must be there
/// by then. The dataset must be locked.
void merge_subject_segments(const std::string &dataset);

/// The files that hold one of these people, in order. A file that is no longer in etl.file may be
/// among them.
std::vector<int64_t> files_of_subjects(const std::string &dataset, std::vector<int64_t> subjects);

/// Forgets what is known about a dataset's files.
void clear_subject_index(const std::string &dataset);

} // namespace etl
