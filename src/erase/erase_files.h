// The files of an erasure: processed, archived and staged ones.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "erase/erase_copies.h"
#include "erase/erase_quarantine.h"
#include "erase/erasure.h"
#include "erase/people_in_files.h"
#include "load/claim.h"
#include "publish/plan.h"

namespace etl
{

/// Finds the copies of files that may be about the people, and gives them to CopyEraser::add(). The
/// caller calls CopyEraser::rewrite() for the last of them.
class FileEraser
{
  public:
	/// All of them must outlive this object. quarantined: as QuarantineEraser has found them before
	/// a file is searched for.
	FileEraser(Erasure &erasure, const QuarantinedFiles &quarantined,
			   PeopleInFiles &people_in_files, CopyEraser &copies)
		: erasure_(erasure), quarantined_(quarantined), people_in_files_(people_in_files),
		  copies_(copies)
	{
	}
	FileEraser(const FileEraser &) = delete;
	FileEraser &operator=(const FileEraser &) = delete;

	/// Finds the files that contain the people according to the index, or of which the index does
	/// not know whom they contain, the files of quarantined records, and raw files that wait to be
	/// loaded.
	void find_all();
	/// Finds the files of quarantined records only.
	void find_quarantined();

  private:
	void remark_forgotten_records(const std::string &dataset);
	void find_files(const std::string &dataset, const std::vector<int64_t> &subjects,
					const std::set<int64_t> &more = {});
	void find_some_files(const std::string &dataset, std::span<const int64_t> ids);
	void add_known(FileCopy copy, const std::unordered_map<std::string, std::string> &pending,
				   const std::unordered_map<int64_t, WaitingRaw> &raw_files);
	void find_staged();
	void add_staged(const StagedFile &file);

	Erasure &erasure_;
	const QuarantinedFiles &quarantined_;
	PeopleInFiles &people_in_files_;
	CopyEraser &copies_;
	/// Staged files of datasets that ask for erasure: the first file of each dataset, and their
	/// number.
	std::map<std::string, std::pair<std::string, size_t>> staged_requests_;
	std::unordered_set<int64_t> found_duplicates_;
};

} // namespace etl
