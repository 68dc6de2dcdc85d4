#include "load/file_rows.h"

#include <cerrno>

#include <sys/stat.h>

#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/files/beneath.h"
#include "load/quarantine.h"
#include "load/run_file.h"
#include "pg/catalog_owner.h"
#include "pg/copy_rows.h"
#include "pg/spi.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

namespace
{

std::string_view
bytes_of(const Sha256 &hash)
{
	return {reinterpret_cast<const char *>(hash.data()), hash.size()};
}

} // namespace

void
insert_files(const std::string &dataset, int64_t run_id, const std::vector<RunFile> &files)
{
	CatalogRows rows;
	for (const RunFile &file : files)
	{
		rows.row(19);
		rows.int8(file.file_id);
		rows.int8(run_id);
		rows.text(dataset);
		rows.text(storable_text(file.path));
		rows.int4(file.context.record_date);
		rows.int2(file.context.record_hour);
		rows.int8(static_cast<int64_t>(file.identity.size));
		file.status == "failed" ? rows.null() : rows.text(bytes_of(file.outcome.sha256));
		rows.int8(static_cast<int64_t>(file.outcome.records));
		rows.int8(file.loaded);
		rows.int8(file.quarantined);
		rows.text(file.status);
		rows.text_or_null(file.outcome.error);
		rows.text_or_null(storable_text(file.processed_path));
		rows.text_or_null(storable_text(file.archived_path));
		rows.int8(file.started_at);
		// the clock may have been set back meanwhile, but a file must not end before it began
		rows.int8(std::max(file.started_at,
						   file.finished_at != 0 ? file.finished_at : GetCurrentTimestamp()));
		rows.int8(static_cast<int64_t>(file.outcome.last_line));
		file.treated_part.empty() ? rows.null() : rows.text(bytes_of(file.treated_sha256));
	}
	const AsCatalogOwner owner;
	pg::copy_in(catalog_table("etl.file"),
				{"file_id", "run_id", "dataset", "path", "record_date", "record_hour", "size_bytes",
				 "sha256", "records", "loaded", "quarantined", "status", "error", "processed_path",
				 "archived_path", "started_at", "finished_at", "last_line", "archived_sha256"},
				rows);
}

constexpr char read_failed_files_sql[] = R"(
SELECT file_id, path FROM etl.file WHERE dataset = $1 AND status = 'failed')";

constexpr char skip_failed_files_sql[] = R"(
UPDATE etl.file
   SET status = 'skipped', error = error || '; the file is not there any more'
 WHERE file_id = ANY ($1))";

void
skip_gone_files(const std::string &dataset, const std::string &raw_dir)
{
	const pg::Rows rows = pg::query(read_failed_files_sql, {pg::param(dataset)});
	std::vector<int64_t> gone;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::string path = rows.text(i, 1);
		// a name that is not text was changed in the catalog, so the file cannot be found by it
		if (path.find("\xEF\xBF\xBD") != std::string::npos)
			continue;
		struct stat info;
		const std::string name = path.substr(0, path.find_last_not_of('/') + 1);
		if (beneath::lstat(raw_dir + "/" + name, &info) != 0 &&
			(errno == ENOENT || errno == ENOTDIR))
			gone.push_back(rows.integer(i, 0));
	}
	if (gone.empty())
		return;
	const AsCatalogOwner owner;
	pg::execute(skip_failed_files_sql, {pg::param_array(gone)});
}

} // namespace etl
