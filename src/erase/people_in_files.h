// What the index of people says about files, for the treatment of files in an erasure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "erase/erasure.h"

namespace etl
{

/// Asks the index once for each dataset.
class PeopleInFiles
{
  public:
	/// The erasure must outlive this object.
	explicit PeopleInFiles(Erasure &erasure) : erasure_(erasure) {}

	/// The files that may be about any person: the index knows them by another definition, and
	/// index_former_files() could not read them.
	const std::set<int64_t> &unindexed(const std::string &dataset);
	/// The people whom the index knows in a file, by index of the request.
	std::set<size_t> in(const std::string &dataset, int64_t file_id);

  private:
	/// Indexes of requests by file_id.
	using People = std::unordered_map<int64_t, std::set<size_t>>;
	void find_people(const std::string &dataset, People &people);

	Erasure &erasure_;
	/// The people in each file of a dataset, for files that cannot be read.
	std::map<std::string, People> people_;
	std::map<std::string, std::set<int64_t>> unindexed_; ///< by dataset
};

} // namespace etl
