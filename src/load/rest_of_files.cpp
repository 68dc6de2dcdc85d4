#include "load/rest_of_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>

#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "load/writing_quarantine.h"
#include "pg/guard.h"
#include "pg/spi.h"
#include "publish/grown_files.h"
#include "publish/plan.h"

namespace etl
{

void
tell_of_grown(const std::string &dataset)
{
	const std::vector<const FileAction *> grown = grown_files(dataset);
	const size_t count = grown.size();
	if (count == 0)
		return;
	pg::notice(NOTICE,
			   std::to_string(count) + (count == 1 ? " file" : " files") + " of dataset \"" +
				   dataset + (count == 1 ? "\" has" : "\" have") + " grown since " +
				   (count == 1 ? "it was" : "they were") + " loaded",
			   std::string(count == 1 ? "" : "The first: ") + "\"" +
				   storable_text(grown.front()->from) +
				   "\". What was added is loaded once nobody has the file open for writing.",
			   "Let producers write under a name that ends in .part, or set etl.settle_time.");
}

constexpr char read_loaded_part_sql[] = R"(
SELECT coalesce(max(o.last_line), 0), coalesce(max(f.archived_path), '')
  FROM etl.file f
  JOIN etl.file o ON o.dataset = f.dataset AND o.path = f.path AND o.sha256 = f.sha256
 WHERE f.file_id = $1)";

void
look_up_loaded_parts(std::vector<RunFile> &files, std::vector<FileTask> &tasks)
{
	for (size_t i = 0; i < files.size(); ++i)
	{
		const FileAction *const action = find_grown(files[i].absolute);
		if (action == nullptr)
			continue;
		files[i].grown_from = action->file_id;
		// if the part was a duplicate, the row with the same bytes has the line
		const pg::Rows rows = pg::query(read_loaded_part_sql, {pg::param(action->file_id)});
		files[i].part_archived_path = rows.text(0, 1);
		tasks[i].loaded = {action->identity.size, action->sha256,
						   static_cast<uint64_t>(rows.integer(0, 0))};
	}
}

constexpr char read_archived_parts_sql[] = R"(
SELECT path, file_id, size_bytes, sha256, last_line, archived_path
  FROM etl.file
 WHERE dataset = $1 AND path = ANY ($2) AND status IN ('loaded', 'archived')
   AND sha256 IS NOT NULL AND last_line IS NOT NULL AND archived_path IS NOT NULL
 ORDER BY size_bytes)";

void
look_up_archived_parts(const std::string &dataset, const pg::Settings &settings,
					   std::vector<RunFile> &files, std::vector<FileTask> &tasks)
{
	std::vector<std::string_view> paths;
	// two files of the same name are never taken up together
	std::map<std::string_view, size_t> by_path;
	for (size_t i = 0; i < files.size(); ++i)
	{
		paths.push_back(files[i].path);
		by_path.emplace(files[i].path, i);
	}
	const pg::Rows rows =
		pg::query(read_archived_parts_sql, {pg::param(dataset), pg::param_array(paths)});
	for (uint64_t row = 0; row < rows.size(); ++row)
	{
		const auto file = by_path.find(rows.text(row, 0));
		if (file == by_path.end())
			continue;
		const size_t i = file->second;
		const uint64_t size = static_cast<uint64_t>(rows.integer(row, 2));
		const std::string hash = rows.bytes(row, 3);
		if (size >= files[i].identity.size)
			continue;
		const Presence presence = look_for(settings.archive_dir + "/" + rows.text(row, 5));
		if (presence == Presence::unknown && tasks[i].refused.empty())
			tasks[i].refused = "could not look for the part of it that was loaded: " +
							   std::generic_category().message(errno);
		if (presence != Presence::gone)
			continue;
		files[i].grown_from = rows.integer(row, 1);
		tasks[i].loaded.size = size;
		tasks[i].loaded.last_line = static_cast<uint64_t>(rows.integer(row, 4));
		std::memcpy(tasks[i].loaded.sha256.data(), hash.data(),
					std::min(hash.size(), tasks[i].loaded.sha256.size()));
	}
}

std::string
archived_path_of_part(const RunFile &file, const pg::Settings &settings,
					  std::vector<FileAction> &actions)
{
	FileAction remove;
	remove.kind = FileAction::Kind::remove;
	remove.file_id = file.grown_from;
	remove.from = settings.archive_dir + "/" + file.part_archived_path;
	if (file.part_archived_path.empty())
		return {};
	switch (look_for(remove.from, remove.identity))
	{
	case Presence::gone:
		return {};
	case Presence::unknown: // the file would stay, and the catalog would not know it
		throw pg::Error(sqlstate_of_errno(errno),
						"could not look for a file: " + std::generic_category().message(errno),
						"File \"" + storable_text(remove.from) + "\".");
	case Presence::there:
		break;
	}
	if (!file.treated_part.empty())
		return file.part_archived_path;
	actions.push_back(std::move(remove));
	return {};
}

constexpr char discard_half_line_sql[] = R"(
WITH half AS (UPDATE etl.quarantine
                 SET status = 'discarded'
               WHERE file_id = $1 AND line = $2 AND status = 'open' AND code = 'malformed'
              RETURNING 1)
UPDATE etl.file
   SET quarantined = quarantined - 1
 WHERE file_id = $1 AND EXISTS (SELECT FROM half))";

constexpr char delete_actions_of_file_sql[] = R"(
DELETE FROM etl.file_action WHERE file_id = $1 AND action IN ('archive', 'remove'))";

constexpr char note_grown_file_sql[] = R"(
UPDATE etl.file
   SET error = $2, status = CASE status WHEN 'loaded' THEN 'archived' ELSE status END,
       archived_path = CASE WHEN $3 THEN $4 ELSE archived_path END
 WHERE file_id = $1)";

void
record_grown(const std::vector<RunFile> &files)
{
	for (const RunFile &file : files)
	{
		if (file.grown_from == 0 || file.status == "failed")
			continue;
		const WritingQuarantine writing;
		const bool has_rest = file.outcome.rest.has_value();
		// a file that is loaded again and has no relation to known parts
		if (!has_rest && find_grown(file.absolute) == nullptr)
			continue;
		// the first half of a record is not a record, now that the whole record is loaded
		if (has_rest && file.outcome.rest->is_cut)
			pg::execute(discard_half_line_sql,
						{pg::param(file.grown_from),
						 pg::param(static_cast<int64_t>(file.outcome.rest->last_line))});
		// the archived file contains both parts, and both rows name it, because erasures look there
		// for either
		const std::string told =
			has_rest
				? "raw file has grown since it was loaded: what was added was loaded as file " +
					  std::to_string(file.file_id)
				: "raw file was changed or replaced before it could be archived";
		supersede_unfinished(file.grown_from);
		pg::execute(delete_actions_of_file_sql, {pg::param(file.grown_from)});
		pg::execute(note_grown_file_sql,
					{pg::param(file.grown_from), pg::param(told), pg::param(has_rest),
					 pg::param(storable_text(file.archived_path))});
	}
}

} // namespace etl
