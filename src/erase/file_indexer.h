// Tells the index of people who is in files.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/run_row.h"
#include "catalog/subject_index.h"
#include "core/definition/definition.h"
#include "core/output/file_rewriter.h"
#include "core/privacy/identities.h"
#include "core/privacy/record_eraser.h"
#include "load/claim.h"
#include "pg/settings.h"

namespace etl
{

/// The definitions by which a file names people: the definition in force first, then the one under
/// which the file came. If that one is not known, all former definitions.
using NamingDefinitions = std::vector<const Definition *>;

/// Finds the people whom a record names, by each of the definitions.
class PersonNamer
{
  public:
	PersonNamer(const NamingDefinitions &definitions, const KeyTypes &key_types,
				const Identities &people);
	/// Calls found(subject, hash of the person's email or 0) for each definition by which the
	/// record names a person.
	template <typename Visit>
	void visit(std::string_view text, Visit &&found)
	{
		for (const auto &eraser : erasers_)
			if (const std::string subject = eraser->subject_of(text); !subject.empty())
				found(subject, eraser->email_of_subject());
	}

  private:
	std::vector<std::unique_ptr<RecordEraser>> erasers_;
};

/// Reads archived and processed files of a dataset and tells the index of people who is in them.
/// Subclasses choose the files: they fill found_ and tasks_, which have the same order, and call
/// index_found(). Requires the dataset's lock.
class FileIndexer
{
  public:
	FileIndexer(const Catalog &catalog, const Definition &definition, const pg::Settings &settings)
		: catalog_(catalog), definition_(definition), settings_(settings)
	{
	}
	virtual ~FileIndexer() = default;
	FileIndexer(const FileIndexer &) = delete;
	FileIndexer &operator=(const FileIndexer &) = delete;

	/// The number of files that were read.
	int64_t files() const { return files_; }
	/// The number of pairs of a person and a file, of the files that were read last.
	int64_t pairs() const { return pairs_; }

  protected:
	struct Found
	{
		std::string path; ///< relative to its directory
		bool archived;
		StagedFile file;
		int64_t file_id = 0; ///< 0: not known to the catalog
		std::optional<int64_t> defined_at = {};
	};

	/// The definitions by which a file names people whose run had this value of defined_at.
	NamingDefinitions definitions_of(std::optional<int64_t> defined_at);
	/// Reads the files, calls before_adding(), adds the people to the index, and notes which files
	/// are indexed now.
	void index_found();
	/// Called when the files are read and before the index is changed.
	virtual void before_adding() {}
	/// The file_id of the file. `run` has a row in etl.run if its number of files is not 0 in the
	/// end.
	virtual int64_t file_of(const Found &found, const RewriteOutcome &outcome, RunResult &run) = 0;

	const Catalog &catalog_;
	const Definition &definition_;
	const pg::Settings &settings_;
	std::vector<Found> found_;
	std::vector<RewriteTask> tasks_;
	bool is_complete_ = true; ///< no file could not be read

  private:
	std::vector<NamingDefinitions> group_tasks();
	std::vector<SubjectFile> read_files();
	void cannot_read(size_t i, const RewriteOutcome &outcome);
	void note_read();

	int64_t files_ = 0, pairs_ = 0;
	std::optional<std::vector<FormerDefinition>> former_; ///< of this dataset, about people
	std::set<int64_t> read_, unread_;
	std::vector<PersonEmail> emails_; ///< pairs of a person and an email in the files
};

} // namespace etl
