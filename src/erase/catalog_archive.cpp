// etl_catalog_archive, and the same for files that etl_reload has left out.
#include "erase/catalog_archive.h"

#include <unordered_map>

#include "catalog/sequence.h"
#include "catalog/subject_index.h"
#include "core/base/utf8.h"
#include "core/records/file_name.h"
#include "erase/erase.h"
#include "erase/file_indexer.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
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

constexpr char read_all_files_sql[] = R"(
SELECT f.file_id, coalesce(f.archived_path, ''), coalesce(f.processed_path, ''), r.defined_at
  FROM etl.file f
  LEFT JOIN etl.run r USING (run_id)
 WHERE f.dataset = $1 AND f.status <> 'failed')";

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

class ArchiveCatalog : public FileIndexer
{
  public:
	using FileIndexer::FileIndexer;

	/// Reads all files and rebuilds the index of the dataset.
	void run()
	{
		recover(definition_.dataset, settings_);
		find_files();
		if (tasks_.empty())
			return;
		index_found();
	}

	/// Reads only files that the catalog does not know, and notes them as skipped.
	void note_left_out()
	{
		left_out_ = true;
		find_files();
		if (tasks_.empty())
			return;
		index_found();
	}

  private:
	void find_files()
	{
		read_catalog();
		find(settings_.archive_dir, true);
		find(settings_.processed_dir, false);
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

	void before_adding() override
	{
		if (!left_out_)
			clear_subject_index(definition_.dataset);
	}

	/// A file that is not known gets a row in etl.file.
	int64_t file_of(const Found &found, const RewriteOutcome &outcome, RunResult &run) override
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

	bool left_out_ = false;
	std::unordered_map<int64_t, int64_t> defined_at_; ///< by file_id, as the runs of the files say
	std::unordered_map<std::string, int64_t> archived_, processed_, made_;
};

} // namespace

void
note_left_out(const Catalog &catalog, const Definition &definition, const pg::Settings &settings)
{
	// files without people need not be found by erasures
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
		result.add({pg::Cell::text(name), pg::Cell::bigint(archive.files()),
					pg::Cell::bigint(archive.pairs())});
	}
	return static_cast<Datum>(0);
}
