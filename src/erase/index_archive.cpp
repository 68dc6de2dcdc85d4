// etl_catalog_archive, and whom the files hold that etl_reload has left out.
#include "erase/index_archive.h"

#include <algorithm>
#include <set>

#include "catalog/definitions.h"
#include "catalog/run_row.h"
#include "catalog/sequence.h"
#include "catalog/subject_index.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "erase/eraser.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"
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

class ArchiveCatalog
{
  public:
	ArchiveCatalog(const Catalog &catalog, const Definition &definition,
				   const pg::Settings &settings)
		: catalog_(catalog), definition_(definition), settings_(settings)
	{
	}

	/// All files: whom they hold is known anew.
	void run()
	{
		recover(definition_.dataset, settings_);
		find_files();
		if (tasks_.empty())
			return;
		std::vector<SubjectFile> index = read_files();
		clear_subject_index(definition_.dataset);
		add(index);
	}

	/// Only files that the catalog does not know, which stay files that are not loaded.
	void note_left_out()
	{
		left_out_ = true;
		find_files();
		if (tasks_.empty())
			return;
		std::vector<SubjectFile> index = read_files();
		add(index);
	}

	int64_t files = 0, pairs = 0;

  private:
	struct Found
	{
		std::string path; ///< relative to its folder
		bool archived;
		StagedFile file;
	};

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
		const pg::Rows rows =
			pg::query("SELECT file_id, coalesce(archived_path, ''), coalesce(processed_path, '')"
					  " FROM etl.file WHERE dataset = $1 AND status <> 'failed'",
					  {pg::param(definition_.dataset)});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			archived_[rows.text(i, 1)] = rows.integer(i, 0);
			processed_[rows.text(i, 2)] = rows.integer(i, 0);
		}
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
			// what this transaction has loaded, or is about to remove, is not left out
			if (left_out_ &&
				((archived ? archived_ : processed_).count(path) > 0 ||
				 destination_taken(task.source) || is_taken_up_now(task.source, file.identity)))
				return;
			task.whole_json = archived && is_whole_json(file.path);
			tasks_.push_back(std::move(task));
			found_.push_back({std::move(path), archived, std::move(file)});
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

	/// Who is in which of them.
	std::vector<SubjectFile> read_files()
	{
		const Identities people(pg::secret(pg::KeyUse::keep));
		const std::string dataset =
			definition_.subject ? definition_.subject->dataset : definition_.erases->dataset;
		const std::string none;
		FileRewriter reader(
			tasks_,
			[&](size_t, TypeInput *) -> FileRewriter::Transform
			{
				const auto eraser = std::make_shared<RecordEraser>(
					definition_, catalog_.key_types(), people, none, dataset);
				return
					[eraser, &people](std::string_view text, std::string &, RewriteOutcome &outcome)
				{
					const std::string subject = eraser->subject_of(text);
					if (subject.empty())
						return Identities::nobody;
					outcome.hashes.push_back(people.subject_hash(subject));
					if (eraser->email_of_subject() != 0)
						outcome.emails_of.emplace(outcome.hashes.back(),
												  eraser->email_of_subject());
					return Identities::nobody;
				};
			},
			settings_.threads);
		const StopOnExit stop_on_exit(reader);
		while (!reader.wait(std::chrono::milliseconds(100)))
			pg::check_for_interrupts();
		std::vector<SubjectFile> index;
		RunResult run = begin_run(catalog_, definition_.dataset);
		run.defined_at.reset(); // they may be of any time
		for (size_t i = 0; i < found_.size(); ++i)
		{
			const RewriteOutcome &outcome = reader.outcomes()[i];
			if (!outcome.error.empty())
			{
				pg::notice(WARNING, "\"" + tasks_[i].source + "\" was not read: " + outcome.error);
				continue;
			}
			const int64_t file_id = file_of(found_[i], outcome, run);
			for (const auto &[subject, email] : outcome.emails_of)
				emails_.push_back({subject, email});
			for (const uint64_t hash : outcome.hashes)
				index.push_back({static_cast<int64_t>(hash), file_id});
			++files;
		}
		if (run.files > 0)
			finish_run(run);
		std::sort(index.begin(), index.end());
		index.erase(std::unique(index.begin(), index.end()), index.end());
		pairs = static_cast<int64_t>(index.size());
		return index;
	}

	/// The file's row in etl.file; made for one that is not known.
	int64_t file_of(const Found &found, const RewriteOutcome &outcome, RunResult &run)
	{
		const AsCatalogOwner owner;
		auto &known = found.archived ? archived_ : processed_;
		if (const auto at = known.find(found.path); at != known.end())
			return at->second;
		// the archived copy came first: its processed one has the same name
		if (const auto at = made_.find(found.path); !found.archived && at != made_.end())
		{
			pg::execute("UPDATE etl.file SET processed_path = path WHERE file_id = $1",
						{pg::param(at->second)});
			return at->second;
		}
		const int64_t id = allocate_ids("etl.file_file_id_seq", 1)[0];
		const auto &hash = outcome.sha256;
		pg::execute(
			"INSERT INTO etl.file (file_id, run_id, dataset, path, record_date, record_hour,"
			" size_bytes, sha256, records, loaded, status, processed_path, archived_path,"
			" started_at, finished_at, error) SELECT $1, $2, $3, $4, date '2000-01-01' + $5,"
			" $6::smallint, $7, CASE WHEN $9 THEN $8 END, $10, CASE WHEN $11 THEN 0 ELSE $10 END,"
			" CASE WHEN $11 THEN 'skipped' ELSE 'archived' END, CASE WHEN NOT $9 THEN $4 END,"
			" CASE WHEN $9 THEN $4 END, now(), now(), CASE WHEN $11 THEN"
			" 'it was loaded into a database that this one is behind, and left out by etl_reload' "
			"END",
			{pg::param(id), pg::param(run.run_id), pg::param(definition_.dataset),
			 pg::param(found.path), pg::param(found.file.partition->pg_date()),
			 pg::param(found.file.partition->hour), pg::param(static_cast<int64_t>(outcome.size)),
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
	bool left_out_ = false;
	std::unordered_map<std::string, int64_t> archived_, processed_, made_;
	std::vector<Found> found_;
	std::vector<RewriteTask> tasks_;
	std::vector<PersonEmail> emails_; ///< who is in them with which
};

} // namespace

void
note_left_out(const Catalog &catalog, const Definition &definition, const pg::Settings &settings)
{
	// of nobody, they need not be found
	if (definition.subject || definition.erases)
		ArchiveCatalog(catalog, definition, settings).note_left_out();
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
	// files that are to be loaded again must not count as known
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
