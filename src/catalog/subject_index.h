// The index of the files that contain the records of each person. It consists of sorted segments,
// which runs write sequentially, so that loading stays fast, and of which an erasure reads only
// single pages.
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

/// Merges segments, and leaves out files that are not in etl.file. The run's own files must be in
/// etl.file already. The dataset must be locked.
void merge_subject_segments(const std::string &dataset);

/// The files that contain any of these people, in order. A file that is no longer in etl.file may
/// be included.
std::vector<int64_t> files_of_subjects(const std::string &dataset, std::vector<int64_t> subjects);

/// The pairs of each of these people and each file that contains them, in no order.
std::vector<SubjectFile> files_by_subject(const std::string &dataset,
										  std::vector<int64_t> subjects);

/// Returns the people of `subjects` who are in any file, sorted.
std::vector<int64_t> subjects_in_files(const std::string &dataset, std::vector<int64_t> subjects);

/// Removes the files of a dataset from the index. The emails of people are kept.
void clear_subject_index(const std::string &dataset);

/// Stores which emails people have. If a later record replaces an email, erasures still know whose
/// it was. The dataset must be locked. A pair may be added twice; merging removes duplicates.
void add_subject_emails(const std::string &dataset, std::vector<PersonEmail> &pairs);

/// The emails that these people have or had. A person is given as Identities::subject_hash.
std::vector<PersonEmail> emails_of_subjects(const std::string &dataset,
											std::vector<int64_t> subjects);

/// The people who have or had one of these emails, as pairs.
std::vector<PersonEmail> subjects_of_emails(const std::string &dataset,
											std::vector<int64_t> emails);

} // namespace etl
