#include "run/merge_processed.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <unordered_set>

#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/file_move.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/json/document.h"
#include "core/output/file_rewriter.h"
#include "core/privacy/record_eraser.h"
#include "core/records/file_name.h"
#include "load/claim.h"
#include "load/destinations.h"
#include "load/quarantine.h"
#include "pg/catalog_owner.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/read_records.h"
#include "pg/spi.h"
#include "pg/temp_file.h"
#include "publish/plan.h"

namespace etl
{

namespace
{

/// Throws FileError when it cannot be found out: the content of an existing file would be lost.
bool
is_there(const std::string &path)
{
	const Presence presence = look_for(path);
	if (presence == Presence::unknown)
		throw system_error("could not open file", errno);
	return presence == Presence::there;
}

/// Calls visit(text) for each record of a processed file.
template <typename Visit>
void
for_records(const std::string &path, bool gzip, Visit &&visit)
{
	FileReader reader(path, gzip ? Content::gzip : Content::stored, UINT64_MAX);
	pg::for_each_record(reader, SIZE_MAX / 4, false,
						[&](const RawRecord &raw) { visit(raw.text); });
}

/// A name by which a record of a file is recognised whichever run has written it: its key, or its
/// whole text where the dataset has no key.
std::string
name_of(const Definition &definition, std::string_view text, Document &document)
{
	const std::string record(text);
	ParseError error;
	if (definition.key.empty() || !document.parse(record, error))
		return record;
	const std::string key = text_at(document, definition.key);
	return key.empty() ? record : key;
}

} // namespace

ProcessedFileMerger::ProcessedFileMerger(const Definition &definition, const pg::Settings &settings)
	: definition_(definition), dataset_(definition.dataset), settings_(settings),
	  texts_([] { return std::make_unique<pg::TempFile>(); }, limits::released_text_memory)
{
}

void
ProcessedFileMerger::add(int64_t file_id, uint64_t line, std::string_view output)
{
	released_[file_id].push_back({line, texts_.add(output)});
}

constexpr char read_files_sql[] = R"(
SELECT file_id, path, coalesce(processed_path, ''), coalesce(archived_path, ''), records,
       coalesce(last_line, 0)
  FROM etl.file
 WHERE file_id = ANY ($1)
 ORDER BY file_id)";

constexpr char note_merged_files_sql[] = R"(
UPDATE etl.file f
   SET processed_path = r.path, loaded = f.loaded + r.count, quarantined = f.quarantined - r.count
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) r(id, path, count)
 WHERE f.file_id = r.id)";

int32_t
ProcessedFileMerger::complete(const std::function<bool(int64_t)> &is_complete)
{
	std::vector<int64_t> ids;
	for (const auto &entry : released_)
		if (is_complete(entry.first))
			ids.push_back(entry.first);
	if (ids.empty())
		return 0;
	const pg::Rows rows = pg::query(read_files_sql, {pg::param_array(ids)});
	std::vector<std::string> names;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		names.push_back(settings_.processed_dir + "/" + rows.text(i, 2));
		names.push_back(settings_.archive_dir + "/" + rows.text(i, 3));
	}
	pending_ = pending_sources(names);
	const std::string folder = part_folder(settings_, dataset_);
	std::vector<FileAction> actions;
	std::vector<std::string> paths;
	std::vector<int64_t> file_ids, counts;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		pg::check_for_interrupts();
		const int64_t file_id = rows.integer(i, 0);
		sort_released(released_[file_id]);
		std::string path = rows.text(i, 2);
		const bool existed = !path.empty();
		if (!existed)
			path = is_of_lost_run(file_id, rows.text(i, 1))
					   ? rows.text(i, 1)
					   : free_name(settings_.processed_dir, rows.text(i, 1), {});
		FileAction publish;
		publish.file_id = file_id;
		publish.from = part_name(folder, file_id, "merged");
		publish.to = settings_.processed_dir + "/" + path;
		remove_on_rollback(publish.from);
		ETL_FAULT("replay_merge");
		try
		{
			merge(file_id, existed ? present_name(publish.to) : std::string(),
				  record_lines(file_id, settings_.archive_dir + "/" + rows.text(i, 3),
							   rows.integer(i, 4), rows.integer(i, 5)),
				  publish.from, is_gzip(path));
		}
		catch (const FileError &e)
		{
			throw pg::Error(e.sqlstate(),
							std::string("could not complete a processed file: ") + e.what(),
							"File \"" + publish.to + "\".");
		}
		actions.push_back(std::move(publish));
		paths.push_back(path);
		file_ids.push_back(file_id);
		counts.push_back(static_cast<int64_t>(released_[file_id].size()));
		released_.erase(file_id);
	}
	if (released_.empty())
		texts_.clear();
	{
		const AsCatalogOwner owner;
		pg::execute(note_merged_files_sql,
					{pg::param_array(file_ids),
					 pg::param_array(std::vector<std::string_view>(paths.begin(), paths.end())),
					 pg::param_array(counts)});
	}
	plan_actions(dataset_, std::move(actions));
	return static_cast<int32_t>(ids.size());
}

/// Sorts by line, and keeps the first record of each line.
void
ProcessedFileMerger::sort_released(std::vector<Released> &released)
{
	std::stable_sort(released.begin(), released.end(),
					 [](const Released &a, const Released &b) { return a.line < b.line; });
	released.erase(std::unique(released.begin(), released.end(),
							   [](const Released &a, const Released &b)
							   { return a.line == b.line; }),
				   released.end());
}

/// The present name of a file, which an action of this transaction, for example, has not given its
/// final name yet.
std::string
ProcessedFileMerger::present_name(const std::string &path) const
{
	const auto found = pending_.find(path);
	return found == pending_.end() ? path : found->second;
}

constexpr char unreleased_lines_sql[] = R"(
SELECT line FROM etl.quarantine WHERE file_id = $1 AND status <> 'released')";

/// The lines whose records are in the processed file already, in order: the lines of the raw file
/// that are not quarantined and are not released by this merge.
std::vector<uint64_t>
ProcessedFileMerger::record_lines(int64_t file_id, const std::string &archived, int64_t records,
								  int64_t last_line)
{
	std::vector<uint64_t> lines;
	// only the file tells which lines are blank
	const std::string source = present_name(archived);
	const bool gone = records != last_line && !is_there(source);
	if (gone)
		pg::notice(WARNING, "an archived file is gone, and with it where its blank lines were",
				   "File \"" + storable_text(archived) + "\".",
				   "The released records are in the processed file, perhaps some lines from "
				   "where they would stand.");
	if (records == last_line || gone)
		for (int64_t line = 1; line <= last_line; ++line)
			lines.push_back(static_cast<uint64_t>(line));
	else
	{
		FileReader reader(source, Content::staged, UINT64_MAX);
		pg::for_each_record(reader, max_rewritten_record, is_whole_json(archived),
							[&](const RawRecord &raw) { lines.push_back(raw.line); });
		// of a file that was loaded in two parts, keep the lines of this part
		std::erase_if(lines,
					  [=](uint64_t line) { return line > static_cast<uint64_t>(last_line); });
		if (lines.size() > static_cast<uint64_t>(records))
			lines.erase(lines.begin(), lines.end() - records);
	}
	std::set<uint64_t> out;
	const pg::Rows rows = pg::query(unreleased_lines_sql, {pg::param(file_id)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		out.insert(static_cast<uint64_t>(rows.integer(i, 0)));
	for (const Released &record : released_[file_id])
		out.insert(record.line);
	std::erase_if(lines, [&](uint64_t line) { return out.count(line) > 0; });
	return lines;
}

/// Tells for each record of a processed file whether it is one of the records released by this
/// merge. known: the number of records in the file without these.
std::vector<bool>
ProcessedFileMerger::released_earlier(int64_t file_id, const std::string &existing, bool gzip,
									  size_t known) const
{
	size_t count = 0;
	for_records(existing, gzip, [&](std::string_view) { ++count; });
	std::vector<bool> earlier(count, false);
	if (count <= known)
		return earlier;
	size_t unknown = count - known;
	Document document;
	std::string text;
	std::unordered_multiset<std::string> names;
	for (const Released &record : released_.at(file_id))
	{
		texts_.read(record.text, text);
		names.insert(name_of(definition_, text, document));
	}
	size_t i = 0;
	for_records(existing, gzip,
				[&](std::string_view record)
				{
					const size_t at = i++;
					if (unknown == 0)
						return;
					const auto name = names.find(name_of(definition_, record, document));
					if (name == names.end())
						return;
					earlier[at] = true;
					names.erase(name);
					--unknown;
				});
	return earlier;
}

constexpr char is_known_path_sql[] = R"(
SELECT FROM etl.file
 WHERE processed_path = $1
 UNION ALL
SELECT FROM etl.export
 WHERE path = $1
 LIMIT 1)";

/// Is there a file of that name that the catalog does not know and that contains only records which
/// are released by this merge?
bool
ProcessedFileMerger::is_of_lost_run(int64_t file_id, const std::string &path) const
{
	const std::string full = settings_.processed_dir + "/" + path;
	if (!is_there(full) || destination_taken(full) ||
		!pg::query(is_known_path_sql, {pg::param(path)}).empty())
		return false;
	const std::vector<bool> earlier = released_earlier(file_id, full, is_gzip(path), 0);
	return std::find(earlier.begin(), earlier.end(), false) == earlier.end();
}

void
ProcessedFileMerger::merge(int64_t file_id, const std::string &existing,
						   const std::vector<uint64_t> &lines, const std::string &part, bool gzip)
{
	FileWriter writer(part, gzip_if(gzip));
	const auto &released = released_[file_id];
	auto next = released.begin();
	std::string text;
	const auto write_released_before = [&](uint64_t line)
	{
		for (; next != released.end() && next->line < line; ++next)
		{
			texts_.read(next->text, text);
			writer.write(text);
			writer.write("\n");
		}
	};
	if (!existing.empty() && is_there(existing))
	{
		const std::vector<bool> earlier = released_earlier(file_id, existing, gzip, lines.size());
		size_t n = 0, i = 0;
		for_records(existing, gzip,
					[&](std::string_view record)
					{
						if (earlier[i++])
							return;
						if (n < lines.size())
							write_released_before(lines[n]);
						++n;
						writer.write(record);
						writer.write("\n");
					});
		if (n > lines.size())
			pg::notice(WARNING, "a processed file holds records that are in quarantine here",
					   "File \"" + storable_text(existing) + "\", " +
						   std::to_string(n - lines.size()) +
						   " records: the database was restored from before they were released.",
					   "They are replaced when they are released again.");
	}
	write_released_before(UINT64_MAX);
	writer.close();
}

} // namespace etl
