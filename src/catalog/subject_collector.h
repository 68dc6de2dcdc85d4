// Collects which people are in the files of a run, record by record, and writes this during the
// run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "catalog/subject_index.h"
#include "pg/limits.h"

namespace etl
{

class SubjectCollector
{
  public:
	/// Adds a person to the people of a file, which are keyed hashes. A file with millions of
	/// records is often about few people, so duplicates are removed before a full list grows.
	static void note(std::vector<uint64_t> &subjects, uint64_t subject)
	{
		if (subjects.size() == subjects.capacity())
		{
			keep_distinct(subjects);
			subjects.reserve(std::max<size_t>(64, subjects.size() * 2));
		}
		subjects.push_back(subject);
	}

	/// Takes over the people of a file and leaves the list empty.
	void take(int64_t file_id, std::vector<uint64_t> &subjects)
	{
		keep_distinct(subjects);
		// reserve the whole memory at once, because growing would fragment malloc's memory
		pairs_.reserve(limits::subject_pairs);
		for (const uint64_t subject : subjects)
			pairs_.push_back({static_cast<int64_t>(subject), file_id});
		std::vector<uint64_t>().swap(subjects); // assigning {} would keep the memory
	}

	/// Whether a file has so many people that they should be taken before its end. The same person
	/// may then be added again, because the index may contain a pair twice.
	static bool many(const std::vector<uint64_t> &subjects)
	{
		return subjects.size() >= limits::subject_pairs;
	}

	bool full() const { return pairs_.size() >= limits::subject_pairs; }
	void write(const std::string &dataset)
	{
		add_subject_files(dataset, pairs_);
		pairs_.clear();
	}

  private:
	static void keep_distinct(std::vector<uint64_t> &subjects)
	{
		std::sort(subjects.begin(), subjects.end());
		subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
	}

	std::vector<SubjectFile> pairs_; ///< not written yet
};

} // namespace etl
