// Who is in which of a run's files, collected record by record and written as the run goes.
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
	/// subjects: the file's, each a keyed hash. A file of millions of records is often about few
	/// people, so that a list which is full is first made one of distinct people.
	static void note(std::vector<uint64_t> &subjects, uint64_t subject)
	{
		if (subjects.size() == subjects.capacity())
		{
			keep_distinct(subjects);
			subjects.reserve(std::max<size_t>(64, subjects.size() * 2));
		}
		subjects.push_back(subject);
	}

	/// Takes the people of a file, and leaves none.
	void take(int64_t file_id, std::vector<uint64_t> &subjects)
	{
		keep_distinct(subjects);
		// at once what is needed until they are written: growing leaves holes in malloc's memory
		pairs_.reserve(limits::subject_pairs);
		for (const uint64_t subject : subjects)
			pairs_.push_back({static_cast<int64_t>(subject), file_id});
		std::vector<uint64_t>().swap(subjects); // "= {}" would keep its memory
	}

	/// A file that goes on: so many people that they are taken before it ends. (They may come
	/// again: the index may say a thing twice.)
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
