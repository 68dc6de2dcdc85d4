#include "run/processed_merge.h"

#include <set>

#include "core/file_rewriter.h"
#include "run/actions.h"
#include "run/catalog_owner.h"
#include "run/claim.h"
#include "run/export.h"
#include "run/fault.h"
#include "run/quarantine.h"

namespace etl
{

void
ProcessedFileMerger::add(int64_t file_id, uint64_t line, std::string_view output)
{
	released_[file_id].emplace(line, output);
}

int32_t
ProcessedFileMerger::complete(const std::function<bool(int64_t)> &is_complete)
{
	std::vector<int64_t> ids;
	for (const auto &entry : released_)
		if (is_complete(entry.first))
			ids.push_back(entry.first);
	if (ids.empty())
		return 0;
	const pg::Rows rows = pg::query(
		"SELECT file_id, path, coalesce(processed_path, ''), coalesce(archived_path, ''),"
		" records, coalesce(last_line, 0) FROM etl.file WHERE file_id = ANY ($1) ORDER BY "
		"file_id",
		{pg::param_array(ids)});
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
		std::string path = rows.text(i, 2);
		const bool existed = !path.empty();
		if (!existed)
			path = free_name(settings_.processed_dir, rows.text(i, 1), {});
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
	{
		const AsCatalogOwner owner;
		pg::execute("UPDATE etl.file f SET processed_path = r.path, loaded = f.loaded + r.count,"
					" quarantined = f.quarantined - r.count"
					" FROM unnest($1::bigint[], $2::text[], $3::bigint[]) r(id, path, count)"
					" WHERE f.file_id = r.id",
					{pg::param_array(file_ids),
					 pg::param_array(std::vector<std::string_view>(paths.begin(), paths.end())),
					 pg::param_array(counts)});
	}
	plan_actions(dataset_, std::move(actions));
	return static_cast<int32_t>(ids.size());
}

/// Of a file that an action of this transaction, say, has not given its final name yet.
std::string
ProcessedFileMerger::present_name(const std::string &path) const
{
	const auto found = pending_.find(path);
	return found == pending_.end() ? path : found->second;
}

/// The lines whose records are in the processed file already, in order: those of the raw file
/// that are not quarantined and were not released just now.
std::vector<uint64_t>
ProcessedFileMerger::record_lines(int64_t file_id, const std::string &archived, int64_t records,
								  int64_t last_line)
{
	std::vector<uint64_t> lines;
	// blank lines: only the file knows where
	const std::string source = present_name(archived);
	FileIdentity identity;
	const bool gone = records != last_line && !identify(source, identity);
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
		FileReader reader(source, is_gzip(archived), UINT64_MAX);
		RecordSplitter splitter(max_rewritten_record, is_whole_json(archived),
								[&](const RawRecord &raw) { lines.push_back(raw.line); });
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
		{
			splitter.feed({buffer.data(), got});
			pg::check_for_interrupts();
		}
		splitter.finish();
	}
	std::set<uint64_t> out;
	const pg::Rows rows =
		pg::query("SELECT line FROM etl.quarantine WHERE file_id = $1 AND status <> 'released'",
				  {pg::param(file_id)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		out.insert(static_cast<uint64_t>(rows.integer(i, 0)));
	for (const auto &entry : released_[file_id])
		out.insert(entry.first);
	std::erase_if(lines, [&](uint64_t line) { return out.count(line) > 0; });
	return lines;
}

void
ProcessedFileMerger::merge(int64_t file_id, const std::string &existing,
						   const std::vector<uint64_t> &lines, const std::string &part, bool gzip)
{
	FileWriter writer(part, gzip);
	const auto &released = released_[file_id];
	auto next = released.begin();
	const auto write_released_before = [&](uint64_t line)
	{
		for (; next != released.end() && next->first < line; ++next)
			writer.write(next->second + "\n");
	};
	FileIdentity identity;
	if (!existing.empty() && identify(existing, identity))
	{
		size_t n = 0;
		FileReader reader(existing, gzip, UINT64_MAX);
		RecordSplitter splitter(SIZE_MAX / 4, false,
								[&](const RawRecord &raw)
								{
									if (n < lines.size())
										write_released_before(lines[n]);
									++n;
									writer.write(std::string(raw.text) + "\n");
								});
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
		{
			splitter.feed({buffer.data(), got});
			pg::check_for_interrupts();
		}
		splitter.finish();
	}
	write_released_before(UINT64_MAX);
	writer.close();
}

} // namespace etl
