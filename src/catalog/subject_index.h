// Which files hold whose records: a sorted index over runs, written sequentially so that loading
// does not pay for it, and read a page at a time so that an erasure does not, either.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/staging/staged_record.h"

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

/// Merges segments, and leaves out files that are not in etl.file: a run's own must be there
/// by then. The dataset must be locked.
void merge_subject_segments(const std::string &dataset);

/// The files that hold one of these people, in order. A file that is no longer in etl.file may be
/// among them.
std::vector<int64_t> files_of_subjects(const std::string &dataset, std::vector<int64_t> subjects);

/// Each of the people with each file that holds them, in no order.
std::vector<SubjectFile> files_by_subject(const std::string &dataset,
										  std::vector<int64_t> subjects);

/// Those of the people whom any file holds, sorted.
std::vector<int64_t> subjects_in_files(const std::string &dataset, std::vector<int64_t> subjects);

/// Forgets what is known about a dataset's files; not who had which email.
void clear_subject_index(const std::string &dataset);

/// Remembers which emails people have: when a later record replaces one, erasures still know whose
/// it was. The dataset must be locked. What is known already may come again: merging keeps one.
void add_subject_emails(const std::string &dataset, std::vector<PersonEmail> &pairs);

/// The emails that these people have or had; a person's key is Identities::subject_hash.
std::vector<PersonEmail> emails_of_subjects(const std::string &dataset,
											std::vector<int64_t> subjects);

/// Who has or had one of these emails, as pairs.
std::vector<PersonEmail> subjects_of_emails(const std::string &dataset,
											std::vector<int64_t> emails);

} // namespace etl
