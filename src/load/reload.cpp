#include "load/reload.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

#include <sys/stat.h>

#include "catalog/dataset_lock.h"
#include "catalog/run_row.h"
#include "catalog/sequence.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/beneath.h"
#include "core/records/file_name.h"
#include "load/file_rows.h"
#include "load/quarantine.h"
#include "load/run_file.h"
#include "load/run_options.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

/// The number in "name.2.json", or 0 for "name.json": the order of files with the same name.
long
count_in(const std::string &path)
{
	const std::string without = path_without_count(path);
	if (without.size() == path.size())
		return 0;
	const size_t slash = path.rfind('/');
	const size_t dot = path.find('.', slash == std::string::npos ? 0 : slash + 1);
	return std::strtol(path.c_str() + dot + 1, nullptr, 10);
}

/// Calls `visit` for the files of a dataset below the archive or the processed directory, with the
/// path under which they were delivered.
template <typename Visit>
void
for_files_of(const Definition &definition, const std::string &root, Visit &&visit)
{
	for_staged_files(
		root,
		[&](StagedFile file)
		{
			const std::string stored = file.path;
			std::string came = stored;
			if (!definition.claims(file.name()))
				came = path_without_count(stored);
			file.path = came;
			if (!file.partition || !definition.claims(file.name()))
				return;
			visit(std::move(file), stored);
		},
		[](const UnreadableDirectory &directory)
		{
			throw pg::Error(directory.sqlstate, directory.error,
							"Directory \"" + storable_text(directory.path) + "\".");
		});
}

/// When the file got its name or was changed, in microseconds since 2000.
int64_t
changed_at(const std::string &path)
{
	struct stat info;
	if (beneath::lstat(path, &info) != 0)
		return INT64_MAX; // so that the file is not left out
	return static_cast<int64_t>(info.st_ctim.tv_sec) * 1000000 + info.st_ctim.tv_nsec / 1000 -
		   unix_to_pg_epoch;
}

std::vector<std::string_view>
views_of(const std::vector<std::string> &texts)
{
	return {texts.begin(), texts.end()};
}

std::unordered_set<std::string>
known_paths(const std::string &dataset, const char *column)
{
	std::unordered_set<std::string> known;
	// files that an earlier reload has left out are not loaded
	pg::Cursor cursor("SELECT " + std::string(column) + " FROM etl.file WHERE dataset = $1 AND " +
						  column + " IS NOT NULL AND status NOT IN ('failed', 'skipped')",
					  {pg::param(dataset)});
	cursor.for_each(limits::cursor_rows,
					[&](const pg::Rows &rows, uint64_t i) { known.insert(rows.text(i, 0)); });
	return known;
}

} // namespace

Reload::Reload(const Definition &definition, const pg::Settings &settings, int64_t since)
	: definition_(definition), settings_(settings),
	  known_processed_(known_paths(definition.dataset, "processed_path"))
{
	const std::unordered_set<std::string> archived =
		known_paths(definition.dataset, "archived_path");
	// files in the raw directory: an unknown run that crashed has not archived them yet
	std::set<std::string> came;
	for_files_of(definition, settings.raw_dir,
				 [&](const StagedFile &file, const std::string &) { came.insert(file.path); });
	for_files_of(definition, settings.archive_dir,
				 [&](StagedFile file, const std::string &stored)
				 {
					 if (archived.count(storable_text(stored)) > 0 ||
						 destination_taken(settings.archive_dir + "/" + stored) ||
						 changed_at(settings.archive_dir + "/" + stored) < since)
						 return;
					 came.insert(file.path);
					 file.archived_path = stored;
					 files_.push_back(std::move(file));
				 });
	std::sort(files_.begin(), files_.end(),
			  [](const StagedFile &a, const StagedFile &b)
			  {
				  const auto key = [](const StagedFile &f)
				  {
					  return std::make_tuple(f.partition->pg_date(), f.partition->hour,
											 std::cref(f.path), count_in(f.archived_path));
				  };
				  return key(a) < key(b);
			  });
	for_files_of(definition, settings.processed_dir,
				 [&](StagedFile file, const std::string &stored)
				 {
					 if (known_processed_.count(storable_text(stored)) > 0 ||
						 came.count(file.path) == 0 ||
						 destination_taken(settings.processed_dir + "/" + stored))
						 return;
					 file.path = stored;
					 stale_.push_back(std::move(file));
				 });
}

std::vector<StagedFile>
Reload::take(size_t count)
{
	std::vector<StagedFile> taken;
	std::set<std::string_view> names;
	for (; next_ < files_.size() && taken.size() < count; ++next_)
	{
		if (!names.insert(files_[next_].path).second)
			break;
		taken.push_back(files_[next_]);
	}
	return taken;
}

std::string
Reload::processed_name(const std::string &path) const
{
	const size_t slash = path.rfind('/');
	const size_t dot =
		std::min(path.find('.', slash == std::string::npos ? 0 : slash + 1), path.size());
	for (int n = 1;; ++n)
	{
		std::string name = path;
		if (n > 1)
			name.insert(dot, "." + std::to_string(n));
		if (known_processed_.count(storable_text(name)) == 0 &&
			!destination_taken(settings_.processed_dir + "/" + name))
			return name;
	}
}

void
Reload::remove_stale_processed() const
{
	std::vector<FileAction> actions;
	for (const StagedFile &file : stale_)
	{
		FileAction remove;
		remove.kind = FileAction::Kind::remove;
		remove.from = settings_.processed_dir + "/" + file.path;
		remove.identity = file.identity;
		if (!destination_taken(remove.from))
			actions.push_back(std::move(remove));
	}
	plan_actions(definition_.dataset, std::move(actions));
}

constexpr char forget_left_out_files_sql[] = R"(
DELETE FROM etl.file
 WHERE dataset = $1 AND status = 'skipped'
   AND (archived_path = ANY ($2) OR archived_path IS NULL AND processed_path = ANY ($3)))";

void
Reload::forget_left_out() const
{
	std::vector<std::string> archived, processed;
	for (const StagedFile &file : files_)
		archived.push_back(storable_text(file.archived_path));
	for (const StagedFile &file : stale_)
		processed.push_back(storable_text(file.path));
	const AsCatalogOwner owner;
	pg::execute(forget_left_out_files_sql,
				{pg::param(definition_.dataset), pg::param_array(views_of(archived)),
				 pg::param_array(views_of(processed))});
}

constexpr char has_left_out_files_sql[] = R"(
SELECT FROM etl.file
 WHERE dataset = $1 AND status = 'skipped' AND archived_path IS NOT NULL
 LIMIT 1)";

bool
has_left_out(const std::string &dataset)
{
	return !pg::query(has_left_out_files_sql, {pg::param(dataset)}).empty();
}

void
Reload::only_note(RunResult &run) const
{
	std::vector<RunFile> rows(files_.size());
	const std::vector<int64_t> ids = allocate_ids("etl.file_file_id_seq", rows.size());
	for (size_t i = 0; i < rows.size(); ++i)
	{
		const StagedFile &file = files_[i];
		RunFile &row = rows[i];
		row.file_id = ids[i];
		row.path = file.path;
		row.archived_path = file.archived_path;
		row.context = {file.partition->pg_date(), static_cast<int16_t>(file.partition->hour),
					   run.started_at};
		row.identity = file.identity;
		row.status = "archived";
		row.started_at = run.started_at;
		row.outcome.error = "its requests were not carried out again: they stand in the erasure "
							"journal (etl_reapply)";
	}
	insert_files(definition_.dataset, run.run_id, rows);
	run.files = static_cast<int32_t>(rows.size());
}

} // namespace etl
