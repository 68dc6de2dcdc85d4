// etl_catalog_archive, and the index of people for files that etl_reload has left out or that came
// under another definition.
#include "erase/index_archive.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/indexed_as.h"
#include "catalog/run_row.h"
#include "catalog/sequence.h"
#include "catalog/subject_collector.h"
#include "catalog/subject_index.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "erase/eraser.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "load/writing_quarantine.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
#include "pg/writable.h"
#include "publish/archive_mark.h"
#include "publish/plan.h"
#include "publish/recover.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

constexpr char read_all_files_sql[] = R"(
SELECT f.file_id, coalesce(f.archived_path, ''), coalesce(f.processed_path, ''), r.defined_at
  FROM etl.file f
  LEFT JOIN etl.run r USING (run_id)
 WHERE f.dataset = $1 AND f.status <> 'failed')";

constexpr char read_some_files_sql[] = R"(
SELECT f.file_id, coalesce(f.archived_path, ''), coalesce(f.processed_path, ''), r.defined_at
  FROM unnest($1::bigint[]) i(id)
  JOIN etl.file f ON f.file_id = i.id
  LEFT JOIN etl.run r USING (run_id)
 ORDER BY 1)";

constexpr char read_quarantine_sql[] = R"(
SELECT q.quarantine_id, q.record, coalesce(q.subject, ''), r.defined_at
  FROM etl.quarantine q
  LEFT JOIN etl.file f USING (file_id)
  LEFT JOIN etl.run r ON r.run_id = coalesce(f.run_id, q.run_id)
 WHERE q.dataset = $1 AND q.record IS NOT NULL
 ORDER BY q.quarantine_id)";

constexpr char note_subjects_of_quarantine_sql[] = R"(
UPDATE etl.quarantine q
   SET subject = n.subject
  FROM unnest($1::bigint[], $2::text[]) n(id, subject)
 WHERE q.quarantine_id = n.id)";

constexpr char note_processed_path_sql[] = R"(
UPDATE etl.file SET processed_path = path WHERE file_id = $1)";

constexpr char insert_found_file_sql[] = R"(
INSERT INTO etl.file (file_id, run_id, dataset, path, record_date, record_hour, size_bytes, sha256,
                      records, loaded, status, processed_path, archived_path, started_at,
                      finished_at, error)
SELECT $1, $2, $3, $4, date '2000-01-01' + $5::integer, $6::smallint, $7,
       CASE WHEN $9 THEN $8::bytea END, $10::bigint, CASE WHEN $11 THEN 0 ELSE $10::bigint END,
       CASE WHEN $11 THEN 'skipped' ELSE 'archived' END,
       CASE WHEN NOT $9 THEN $4 END, CASE WHEN $9 THEN $4 END, now(), now(),
       CASE WHEN $11
            THEN 'it was loaded into a database that this one is behind, and left out by etl_reload'
       END)";

class ArchiveCatalog
{
  public:
	ArchiveCatalog(const Catalog &catalog, const Definition &definition,
				   const pg::Settings &settings)
		: catalog_(catalog), definition_(definition), settings_(settings)
	{
	}

	/// Reads all files and rebuilds the index of the dataset.
	void run()
	{
		recover(definition_.dataset, settings_);
		find_files();
		if (tasks_.empty())
			return;
		std::vector<SubjectFile> index = read_files();
		clear_subject_index(definition_.dataset);
		add(index);
		note_read();
	}

	/// Reads only files that the catalog does not know, and notes them as skipped.
	void note_left_out()
	{
		left_out_ = true;
		find_files();
		if (tasks_.empty())
			return;
		std::vector<SubjectFile> index = read_files();
		add(index);
		note_read();
	}

	/// Reads only files that the index knows by another definition.
	void index_former()
	{
		if (all_indexed(catalog_, definition_))
			return;
		const std::vector<int64_t> ids = unindexed_files(catalog_, definition_);
		for (size_t begin = 0; begin < ids.size(); begin += former_at_once)
		{
			const pg::MemoryScope memory;
			find_former(
				std::span(ids).subspan(begin, std::min(former_at_once, ids.size() - begin)));
			std::vector<SubjectFile> index = read_files();
			add(index);
			note_read();
			emails_.clear();
			found_.clear();
			tasks_.clear();
		}
		name_quarantined();
		if (is_complete_)
			note_all_indexed(catalog_, definition_);
	}

	int64_t files = 0, pairs = 0;

  private:
	struct Found
	{
		std::string path; ///< relative to its directory
		bool archived;
		StagedFile file;
		int64_t file_id = 0; ///< 0: not known to the catalog
		std::optional<int64_t> defined_at = {};
	};

	/// Number of files that index_former() reads at a time, because the people in them are kept in
	/// memory.
	static constexpr size_t former_at_once = 256;

	void find_files()
	{
		read_catalog();
		find(settings_.archive_dir, true);
		find(settings_.processed_dir, false);
	}

	void add(std::vector<SubjectFile> &index)
	{
		add_subject_files(definition_.dataset, index);
		if (definition_.on_repeat == OnRepeat::update)
			add_subject_emails(definition_.dataset, emails_);
		merge_subject_segments(definition_.dataset);
	}

	void read_catalog()
	{
		const pg::Rows rows = pg::query(read_all_files_sql, {pg::param(definition_.dataset)});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			archived_[rows.text(i, 1)] = rows.integer(i, 0);
			processed_[rows.text(i, 2)] = rows.integer(i, 0);
			if (!rows.is_null(i, 3))
				defined_at_[rows.integer(i, 0)] = rows.integer(i, 3);
		}
	}

	/// Finds the copies of files that the catalog knows.
	void find_former(std::span<const int64_t> ids)
	{
		const pg::Rows rows = pg::query(
			read_some_files_sql, {pg::param_array(std::vector<int64_t>(ids.begin(), ids.end()))});
		std::vector<std::string> paths;
		for (uint64_t i = 0; i < rows.size(); ++i)
			for (const bool archived : {true, false})
				if (std::string path = rows.text(i, archived ? 1 : 2); !path.empty())
				{
					paths.push_back((archived ? settings_.archive_dir : settings_.processed_dir) +
									"/" + path);
					Found &found = found_.emplace_back();
					found.path = std::move(path);
					found.archived = archived;
					found.file_id = rows.integer(i, 0);
					if (!rows.is_null(i, 3))
						found.defined_at = rows.integer(i, 3);
				}
		// files of this transaction, and files that could not be moved yet, still have other names
		const auto pending = pending_sources(paths);
		for (size_t i = 0; i < paths.size(); ++i)
		{
			const auto present = pending.find(paths[i]);
			RewriteTask task;
			task.source = present == pending.end() ? paths[i] : present->second;
			task.whole_json = found_[i].archived && is_whole_json(paths[i]);
			tasks_.push_back(std::move(task));
		}
	}

	/// The definitions by which a file names people: the definition in force, and the one under
	/// which the file came. Where that one is not known, all former definitions.
	using Definitions = std::vector<const Definition *>;
	Definitions definitions_of(std::optional<int64_t> defined_at)
	{
		if (!former_)
		{
			former_.emplace();
			for (FormerDefinition &former : former_definitions())
				if (former.dataset == definition_.dataset && former.definition != nullptr &&
					(former.definition->subject || former.definition->erases))
					former_->push_back(std::move(former));
		}
		Definitions definitions{&definition_};
		for (const FormerDefinition &former : *former_)
			if (!defined_at || former.defined_at == *defined_at)
				definitions.push_back(former.definition.get());
		return definitions;
	}

	/// Finds the people whom a record names, by each of the definitions.
	class Namer
	{
	  public:
		Namer(const Definitions &definitions, const KeyTypes &key_types, const Identities &people)
		{
			static const std::string none;
			for (const Definition *definition : definitions)
				erasers_.push_back(std::make_unique<RecordEraser>(
					*definition, key_types, people, none,
					definition->subject ? definition->subject->dataset
										: definition->erases->dataset));
		}
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

	/// etl.quarantine.subject was set by the definition under which a record was refused last. Sets
	/// it as that definition, or else the one in force, says, in the canonical spelling that the
	/// key's type has now.
	void name_quarantined()
	{
		const Identities people(pg::secret(pg::KeyUse::keep));
		pg::Cursor cursor(read_quarantine_sql, {pg::param(definition_.dataset)});
		std::vector<int64_t> ids;
		std::vector<std::string> subjects;
		std::map<Definitions, Namer> namers;
		cursor.for_each(
			records_at_once,
			[&](const pg::Rows &rows, uint64_t i)
			{
				Definitions definitions = definitions_of(
					rows.is_null(i, 3) ? std::nullopt : std::optional(rows.integer(i, 3)));
				std::rotate(definitions.begin(), definitions.begin() + 1, definitions.end());
				std::string named;
				namers.try_emplace(definitions, definitions, catalog_.key_types(), people)
					.first->second.visit(rows.text(i, 1),
										 [&](const std::string &subject, uint64_t)
										 {
											 if (named.empty())
												 named = subject;
										 });
				if (named.empty() || named == rows.text(i, 2) || named.size() > max_indexed_key)
					return;
				ids.push_back(rows.integer(i, 0));
				subjects.push_back(std::move(named));
			});
		const WritingQuarantine writing;
		pg::execute(note_subjects_of_quarantine_sql,
					{pg::param_array(ids), pg::param_array(std::vector<std::string_view>(
											   subjects.begin(), subjects.end()))});
	}

	/// Notes that the files are indexed by the definition in force; files that could not be read
	/// are noted as not indexed.
	void note_read()
	{
		std::erase_if(read_, [this](int64_t id) { return unread_.count(id) > 0; });
		note_indexed(catalog_, definition_, {read_.begin(), read_.end()});
		note_not_indexed(definition_.dataset, {unread_.begin(), unread_.end()});
		is_complete_ = is_complete_ && unread_.empty();
		read_.clear();
		unread_.clear();
	}

	void find(const std::string &root, bool archived)
	{
		const auto add = [&](StagedFile file)
		{
			if (!file.partition || !definition_.claims(path_without_count(file.name())))
				return;
			std::string path = storable_text(file.path);
			RewriteTask task;
			task.source = root + "/" + file.path;
			// files that this transaction has loaded, or is about to remove, are not left out
			if (left_out_ &&
				((archived ? archived_ : processed_).count(path) > 0 ||
				 destination_taken(task.source) || is_taken_up_now(task.source, file.identity)))
				return;
			task.whole_json = archived && is_whole_json(file.path);
			tasks_.push_back(std::move(task));
			Found found{std::move(path), archived, std::move(file)};
			const auto &known = archived ? archived_ : processed_;
			if (const auto at = known.find(found.path); at != known.end())
			{
				found.file_id = at->second;
				if (const auto when = defined_at_.find(at->second); when != defined_at_.end())
					found.defined_at = when->second;
			}
			found_.push_back(std::move(found));
		};
		for_staged_files(root, add,
						 [&](const UnreadableDirectory &directory)
						 {
							 throw pg::Error(directory.sqlstate, directory.error,
											 "Directory \"" +
												 storable_text(root + "/" + directory.path) + "\".",
											 "Nothing was taken into the catalog.");
						 });
	}

	/// Reads the files. Returns pairs of a person's hash and a file_id.
	std::vector<SubjectFile> read_files()
	{
		const Identities people(pg::secret(pg::KeyUse::keep));
		std::map<Definitions, size_t> group_of;
		std::vector<Definitions> groups;
		for (size_t i = 0; i < found_.size(); ++i)
		{
			const Definitions definitions = definitions_of(found_[i].defined_at);
			const auto [group, is_new] = group_of.emplace(definitions, groups.size());
			if (is_new)
				groups.push_back(definitions);
			tasks_[i].group = group->second;
		}
		FileRewriter reader(
			tasks_,
			[&](size_t group, TypeInput *) -> FileRewriter::Transform
			{
				const auto namer =
					std::make_shared<Namer>(groups[group], catalog_.key_types(), people);
				return
					[namer, &people](std::string_view text, std::string &, RewriteOutcome &outcome)
				{
					namer->visit(text,
								 [&](const std::string &subject, uint64_t email)
								 {
									 const uint64_t hash = people.subject_hash(subject);
									 SubjectCollector::note(outcome.hashes, hash);
									 if (email != 0)
										 outcome.emails_of.emplace(hash, email);
								 });
					return Identities::nobody;
				};
			},
			settings_.threads);
		const StopOnExit stop_on_exit(reader);
		while (!reader.wait(std::chrono::milliseconds(100)))
			pg::check_for_interrupts();
		std::vector<SubjectFile> index;
		RunResult run = begin_run(catalog_, definition_.dataset);
		run.defined_at.reset(); // the files may be of any time
		for (size_t i = 0; i < found_.size(); ++i)
		{
			const RewriteOutcome &outcome = reader.outcomes()[i];
			if (!outcome.error.empty())
			{
				cannot_read(i, outcome);
				continue;
			}
			const int64_t file_id = file_of(found_[i], outcome, run);
			for (const auto &[subject, email] : outcome.emails_of)
				emails_.push_back({subject, email});
			for (const uint64_t hash : outcome.hashes)
				index.push_back({static_cast<int64_t>(hash), file_id});
			read_.insert(file_id);
			++files;
		}
		if (run.files > 0)
			finish_run(run);
		std::sort(index.begin(), index.end());
		index.erase(std::unique(index.begin(), index.end()), index.end());
		pairs = static_cast<int64_t>(index.size());
		return index;
	}

	/// Reports a file that could not be read: the index does not say who is in it. A file that is
	/// gone contains nobody.
	void cannot_read(size_t i, const RewriteOutcome &outcome)
	{
		FileIdentity identity;
		if (!identify(tasks_[i].source, identity) && means_gone(errno))
		{
			if (found_[i].file_id != 0)
				read_.insert(found_[i].file_id);
			return;
		}
		pg::notice(WARNING,
				   "\"" + storable_text(tasks_[i].source) + "\" was not read: " + outcome.error);
		if (found_[i].file_id != 0)
			unread_.insert(found_[i].file_id);
	}

	/// The file_id of the file; a file that is not known gets a row in etl.file.
	int64_t file_of(const Found &found, const RewriteOutcome &outcome, RunResult &run)
	{
		if (found.file_id != 0)
			return found.file_id;
		const AsCatalogOwner owner;
		// an archived copy was noted first: the processed copy has the same name
		if (const auto at = made_.find(found.path); !found.archived && at != made_.end())
		{
			pg::execute(note_processed_path_sql, {pg::param(at->second)});
			return at->second;
		}
		const int64_t id = allocate_ids("etl.file_file_id_seq", 1)[0];
		const auto &hash = outcome.sha256;
		pg::execute(insert_found_file_sql,
					{pg::param(id), pg::param(run.run_id), pg::param(definition_.dataset),
					 pg::param(found.path), pg::param(found.file.partition->pg_date()),
					 pg::param(found.file.partition->hour),
					 pg::param(static_cast<int64_t>(outcome.size)),
					 pg::param_bytes({reinterpret_cast<const char *>(hash.data()), hash.size()}),
					 pg::param(found.archived), pg::param(static_cast<int64_t>(outcome.records)),
					 pg::param(left_out_)});
		++run.files;
		run.records += static_cast<int64_t>(outcome.records);
		if (found.archived)
			made_[found.path] = id;
		return id;
	}

	const Catalog &catalog_;
	const Definition &definition_;
	const pg::Settings &settings_;
	bool left_out_ = false, is_complete_ = true;
	std::optional<std::vector<FormerDefinition>> former_; ///< of this dataset, about people
	std::unordered_map<int64_t, int64_t> defined_at_; ///< by file_id, as the runs of the files say
	std::set<int64_t> read_, unread_;
	std::unordered_map<std::string, int64_t> archived_, processed_, made_;
	std::vector<Found> found_;
	std::vector<RewriteTask> tasks_;
	std::vector<PersonEmail> emails_; ///< pairs of a person and an email in the files
};

} // namespace

void
note_left_out(const Catalog &catalog, const Definition &definition, const pg::Settings &settings)
{
	// files without people need not be found by erasures
	if (definition.subject || definition.erases)
		ArchiveCatalog(catalog, definition, settings).note_left_out();
}

void
index_former_files(const Catalog &catalog)
{
	if (!pg::is_writable())
		return;
	const pg::Settings settings = pg::Settings::current();
	const auto index = [&](const Definition &definition)
	{
		if (definition.subject || definition.erases)
			ArchiveCatalog(catalog, definition, settings).index_former();
	};
	for (const auto &[name, definition] : catalog.all())
		index(definition);
	std::map<std::string, std::shared_ptr<const Definition>> dropped;
	for (FormerDefinition &former : former_definitions())
		if (!catalog.defined_at(former.dataset) && former.definition != nullptr)
			dropped[former.dataset] = std::move(former.definition); // the last definition stays
	for (const auto &[name, definition] : dropped)
		index(*definition);
}

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_catalog_archive)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = PG_ARGISNULL(0) ? std::string() : pg::text_argument(fcinfo, 0);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	Catalog catalog = Catalog::load();
	if (!PG_ARGISNULL(0))
		(void)catalog.get(dataset);
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	catalog = lock_for_erasure(catalog);
	// files that are to be loaded again must not be noted as known
	require_files_known(catalog, settings);
	for (const auto &[name, definition] : catalog.all())
	{
		if (!definition.subject && !definition.erases)
			continue;
		if (!dataset.empty() && name != dataset)
			continue;
		ArchiveCatalog archive(catalog, definition, settings);
		archive.run();
		result.add({pg::Cell::text(name), pg::Cell::bigint(archive.files),
					pg::Cell::bigint(archive.pairs)});
	}
	return static_cast<Datum>(0);
}
