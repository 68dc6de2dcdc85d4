// etl_catalog_archive: whom the files hold that are older than the catalog.
#include <algorithm>
#include <set>

#include "erase/eraser.h"
#include "erase/subject_index.h"
#include "pg/key_file.h"
#include "pg/srf.h"
#include "run/archive_mark.h"
#include "run/catalog_owner.h"
#include "run/claim.h"
#include "run/exclusive_call.h"
#include "run/functions.h"
#include "run/quarantine.h"
#include "run/threads.h"

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

	void run()
	{
		recover(definition_.dataset, settings_);
		read_catalog();
		find(settings_.archive_dir, true);
		find(settings_.processed_dir, false);
		if (tasks_.empty())
			return;
		read_files();
	}

	int64_t files = 0, pairs = 0;

  private:
	struct Found
	{
		std::string path; ///< relative to its folder
		bool archived;
		StagedFile file;
	};

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
			RewriteTask task;
			task.source = root + "/" + file.path;
			task.gzip = is_gzip(file.path);
			task.whole_json = archived && is_whole_json(file.path);
			tasks_.push_back(std::move(task));
			std::string path = storable_text(file.path);
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

	void read_files()
	{
		const Identities people(pg::secret(pg::KeyUse::keep));
		const std::string dataset =
			definition_.subject ? definition_.subject->dataset : definition_.erases->dataset;
		const std::string none;
		FileRewriter reader(
			tasks_,
			[&](size_t) -> FileRewriter::Transform
			{
				const auto eraser = std::make_shared<RecordEraser>(
					definition_, catalog_.key_types(), people, none, dataset);
				return
					[eraser, &people](std::string_view text, std::string &, RewriteOutcome &outcome)
				{
					const std::string subject = eraser->subject_of(text);
					if (!subject.empty())
						outcome.hashes.push_back(people.subject_hash(subject));
					return Identities::nobody;
				};
			},
			settings_.threads);
		const StopOnExit stop_on_exit(reader);
		while (!reader.wait(std::chrono::milliseconds(100)))
			pg::check_for_interrupts();
		std::vector<SubjectFile> index;
		RunResult run = begin_run(definition_.dataset);
		for (size_t i = 0; i < found_.size(); ++i)
		{
			const RewriteOutcome &outcome = reader.outcomes()[i];
			if (!outcome.error.empty())
			{
				pg::notice(WARNING, "\"" + tasks_[i].source + "\" was not read: " + outcome.error);
				continue;
			}
			const int64_t file_id = file_of(found_[i], outcome, run);
			for (const uint64_t hash : outcome.hashes)
				index.push_back({static_cast<int64_t>(hash), file_id});
			++files;
		}
		if (run.files > 0)
			finish_run(run);
		std::sort(index.begin(), index.end());
		index.erase(std::unique(index.begin(), index.end()), index.end());
		pairs = static_cast<int64_t>(index.size());
		clear_subject_index(definition_.dataset);
		add_subject_files(definition_.dataset, index);
		merge_subject_segments(definition_.dataset);
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
			" started_at, finished_at) SELECT $1, $2, $3, $4, date '2000-01-01' + $5, $6::smallint,"
			" $7, CASE WHEN $9 THEN $8 END, $10, $10, 'archived', CASE WHEN NOT $9 THEN $4 END,"
			" CASE WHEN $9 THEN $4 END, now(), now()",
			{pg::param(id), pg::param(run.run_id), pg::param(definition_.dataset),
			 pg::param(found.path), pg::param(found.file.partition->pg_date()),
			 pg::param(found.file.partition->hour), pg::param(static_cast<int64_t>(outcome.size)),
			 pg::param_bytes({reinterpret_cast<const char *>(hash.data()), hash.size()}),
			 pg::param(found.archived), pg::param(static_cast<int64_t>(outcome.records))});
		++run.files;
		run.records += static_cast<int64_t>(outcome.records);
		if (found.archived)
			made_[found.path] = id;
		return id;
	}

	const Catalog &catalog_;
	const Definition &definition_;
	const pg::Settings &settings_;
	std::unordered_map<std::string, int64_t> archived_, processed_, made_;
	std::vector<Found> found_;
	std::vector<RewriteTask> tasks_;
};

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_catalog_archive)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string dataset = PG_ARGISNULL(0) ? std::string() : pg::text_argument(fcinfo, 0);
	require_utf8();
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	if (!PG_ARGISNULL(0))
		(void)catalog.get(dataset);
	const pg::Settings settings = pg::Settings::current();
	settings.require_folders();
	lock_for_erasure(catalog);
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
