// The treatment of copies of files in an erasure, wherever they were found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/output/file_rewriter.h"
#include "erase/erase_quarantine.h"
#include "erase/erasure.h"
#include "erase/people_in_files.h"
#include "erase/readings.h"
#include "publish/plan.h"

namespace etl
{

/// A copy of a file that may be about the people.
struct FileCopy
{
	const Reading *reading;
	int64_t file_id;   ///< in etl.file; of an exported file in etl.export
	std::string path;  ///< final, absolute
	std::string place; ///< "archived/date=…"
	const char *kind;  ///< processed, archived, staged, exported
	RewriteTask task;
	FileIdentity identity;
	bool waits = false; ///< a staged file that is loaded, and could not be archived yet
	/// set for an archived file that was not moved to the archive yet
	std::optional<WaitingRaw> raw = {};

	bool is(const char *other) const { return kind == std::string(other); }
	const std::string &dataset() const { return reading->last().dataset; }
};

/// Reads copies of files, and reports those that hold records about the people. To erase, it writes
/// a treated part beside each, plans that the part takes the copy's place after the commit, and
/// notes the new hashes of archived files in etl.file.
class CopyEraser
{
  public:
	/// All of them must outlive this object. quarantined: as QuarantineEraser has found them when a
	/// copy is treated.
	CopyEraser(Erasure &erasure, const QuarantinedFiles &quarantined,
			   PeopleInFiles &people_in_files)
		: erasure_(erasure), quarantined_(quarantined), people_in_files_(people_in_files)
	{
	}
	CopyEraser(const CopyEraser &) = delete;
	CopyEraser &operator=(const CopyEraser &) = delete;

	/// Adds a copy to those that the next rewrite() treats. Calls it for each group of
	/// limits::rewritten_files copies.
	void add(FileCopy copy);
	/// Treats the copies that were added.
	void rewrite();

	/// For a copy that the caller has treated itself, whose task has the part that was written:
	/// reports the outcome, and plans that the part takes the copy's place.
	void finish(const FileCopy &copy, RewriteOutcome &outcome);

	/// Reports a file that exists, or may exist, and may be about the people, but could not be
	/// read: nothing is called erased that is not erased, and no other person's erasure is stopped.
	/// Throws an error where it is not known whom the file concerns, because then nothing may be
	/// called erased.
	void cannot_treat(const FileCopy &copy, const FileError &error);

	/// The numbers in etl.export of exported files that were treated, with their new hashes.
	const std::vector<std::pair<int64_t, std::string>> &rewritten_exports() const
	{
		return rewritten_exports_;
	}

  private:
	/// The definitions, and whether all records were accepted (not so in archived and staged
	/// files).
	using Group = std::pair<const Reading *, bool>;

	std::vector<RewriteTask> make_tasks(std::vector<Group> &groups);
	FileRewriter::Transform transform(const Group &group, TypeInput *types,
									  const std::vector<PeopleKey> &keys) const;
	void note_outcome(const FileCopy &copy, RewriteOutcome &outcome);
	void note_error(const FileCopy &copy, const RewriteOutcome &outcome);
	void note_place(const FileCopy &copy, RewriteOutcome &outcome);
	void replace(const FileCopy &copy, const RewriteOutcome &outcome, FileAction action);
	void plan();
	void note_rewritten_archives();
	void wait_for(const RewriteOutcome &outcome, const std::string &path, const std::string &place,
				  const std::string &why);
	void note_obstacles(const FileCopy &copy, const RewriteOutcome &outcome,
						const FileAction &action);
	std::set<size_t> people_in(const FileCopy &copy);

	Erasure &erasure_;
	const QuarantinedFiles &quarantined_;
	PeopleInFiles &people_in_files_;
	std::vector<FileCopy> copies_; ///< the copies to be rewritten next
	std::map<std::string, std::vector<FileAction>> actions_;
	std::vector<std::pair<int64_t, std::string>> rewritten_exports_;
	std::vector<int64_t> rewritten_archives_;
	std::vector<std::string> rewritten_hashes_;
};

} // namespace etl
