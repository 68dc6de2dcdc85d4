// The quarantined records of an erasure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "erase/erasure.h"

namespace etl
{

/// The files of quarantined records: archived files contain these records as they were delivered.
struct QuarantinedFiles
{
	/// file_id by dataset, of records that were found, and of records that may name the people and
	/// of which quarantine no longer says whom they named.
	std::map<std::string, std::set<int64_t>> of_dataset;
	/// The lines, by file_id, of records that were corrected and are about the people now; the
	/// value is the index of the request.
	std::map<int64_t, std::map<uint64_t, uint32_t>> mended_lines;

	bool contains(const std::string &dataset, int64_t file_id) const
	{
		const auto found = of_dataset.find(dataset);
		return found != of_dataset.end() && found->second.count(file_id) > 0;
	}
};

/// Treats, counts or collects the people's records in etl.quarantine, and notes their files.
class QuarantineEraser
{
  public:
	/// The erasure must outlive this object.
	explicit QuarantineEraser(Erasure &erasure) : erasure_(erasure), people_(erasure.people) {}

	/// Treats all records about the people: first those that name them, because the emails in these
	/// are then searched for in records that name nobody. Marks people as known by
	/// SoughtPeople::find_known() in between. Keys that nobody is known to have may be ordinary
	/// words in records about other people: such records are reported, and not changed.
	void erase();
	/// Treats records that name nobody where they should, or cannot be read at all: they may name
	/// people anywhere.
	void erase_unnamed();
	/// Adds the files and lines of records that were corrected and are about the people now. The
	/// delivered text of such a record need not name them, so its line number identifies it.
	void find_mended_lines();

	/// The files that were noted since forget_files().
	const QuarantinedFiles &files() const { return files_; }
	void forget_files() { files_ = {}; }

  private:
	void erase_unnamed_of(const std::string &dataset);
	void erase_records(const std::string &dataset, const std::string &condition);
	void find_mended_files();
	bool may_be_named_otherwise(const std::string &dataset) const;
	void note_found(ErasedPlace &place, const std::string &dataset, uint32_t person,
					int64_t file_id);
	void remark_strangers();

	Erasure &erasure_;
	SoughtPeople &people_;
	QuarantinedFiles files_;
	/// The number of records in which keys of strangers stand as words.
	int64_t stranger_records_ = 0;
};

} // namespace etl
