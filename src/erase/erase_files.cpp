#include "erase/erase_files.h"

#include <algorithm>
#include <cerrno>

#include "catalog/subject_index.h"
#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "publish/grown_files.h"

namespace etl
{

void
FileEraser::find_all()
{
	std::vector<int64_t> subjects;
	for (const std::string_view subject : erasure_.people.subjects())
		subjects.push_back(
			static_cast<int64_t>(erasure_.people.identities().subject_hash(subject)));
	for (const ErasureRequest &request : erasure_.requests)
		if (request.subject.empty() && request.subject_hash != 0 && !request.duplicate &&
			!request.held)
			subjects.push_back(static_cast<int64_t>(request.subject_hash));
	for (const std::string &name : erasure_.readings.related())
	{
		find_files(name, subjects, people_in_files_.unindexed(name));
		remark_forgotten_records(name);
	}
	for (const auto &[name, files] : quarantined_.of_dataset)
		if (!erasure_.readings.is_related(name))
			find_files(name, {});
	find_staged();
}

void
FileEraser::find_quarantined()
{
	for (const auto &[name, files] : quarantined_.of_dataset)
		find_files(name, {});
}

constexpr char count_forgotten_records_sql[] = R"(
SELECT count(*)
  FROM etl.file f
 WHERE f.dataset = $1 AND f.quarantined > 0 AND f.archived_path IS NOT NULL
   AND f.quarantined > (SELECT count(*) FROM etl.quarantine q WHERE q.file_id = f.file_id))";

/// Records that name nobody where they should are known from quarantine only, and retention, or a
/// user, may have removed them there.
void
FileEraser::remark_forgotten_records(const std::string &dataset)
{
	const int64_t files =
		pg::query(count_forgotten_records_sql, {pg::param(dataset)}).integer(0, 0);
	if (files > 0)
		erasure_.report.remarks.emplace_back(
			"archived", std::to_string(files) +
							(files == 1 ? " archived file of dataset \"" + dataset + "\" holds"
										: " archived files of dataset \"" + dataset + "\" hold") +
							" refused records that are not in quarantine any more: one that does "
							"not name its person where it should is not searched for there; "
							"etl_locate finds it");
}

/// Finds the files of a dataset that contain the subjects according to the index, or contain a
/// quarantined record that was found; and the files that were delivered again with the same bytes
/// under the same name and were not loaded again.
void
FileEraser::find_files(const std::string &dataset, const std::vector<int64_t> &subjects,
					   const std::set<int64_t> &more)
{
	std::vector<int64_t> ids = files_of_subjects(dataset, subjects);
	ids.insert(ids.end(), more.begin(), more.end());
	if (const auto found = quarantined_.of_dataset.find(dataset);
		found != quarantined_.of_dataset.end())
		ids.insert(ids.end(), found->second.begin(), found->second.end());
	std::sort(ids.begin(), ids.end());
	ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
	for (size_t begin = 0; begin < ids.size(); begin += limits::looked_up_files)
		find_some_files(dataset, std::span(ids).subspan(
									 begin, std::min(limits::looked_up_files, ids.size() - begin)));
}

constexpr char read_files_with_duplicates_sql[] = R"(
WITH known AS MATERIALIZED (SELECT f.*, r.defined_at
                              FROM unnest($2::bigint[]) i(id)
                              JOIN etl.file f ON f.file_id = i.id
                              LEFT JOIN etl.run r USING (run_id))
SELECT file_id, coalesce(processed_path, ''), coalesce(archived_path, ''), status = 'duplicate',
       defined_at, file_id
  FROM known
 -- they were read by what the one was read by of which they are duplicates
 UNION
SELECT d.file_id, coalesce(d.processed_path, ''), coalesce(d.archived_path, ''), true,
       known.defined_at, CASE WHEN d.sha256 = known.sha256 THEN known.file_id END
  FROM known
  JOIN etl.file d ON d.dataset = $1 AND d.path = known.path AND d.status = 'duplicate'
 ORDER BY 1, 6)";

void
FileEraser::find_some_files(const std::string &dataset, std::span<const int64_t> ids)
{
	const pg::MemoryScope memory_scope;
	const pg::Rows rows = pg::query(
		read_files_with_duplicates_sql,
		{pg::param(dataset), pg::param_array(std::vector<int64_t>(ids.begin(), ids.end()))});
	std::vector<FileCopy> copies;
	std::vector<std::string> paths;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		// the file that they repeat may have been loaded several times, and be found in other
		// slices
		if (rows.boolean(i, 3) && !found_duplicates_.insert(rows.integer(i, 0)).second)
			continue;
		const Reading *const reading = erasure_.readings.of(
			dataset, rows.is_null(i, 4) ? std::nullopt : std::optional(rows.integer(i, 4)));
		if (reading == nullptr)
			continue; // reported by Eraser::note_invalid_definitions()
		for (const bool archived : {false, true})
		{
			const std::string path = rows.text(i, archived ? 2 : 1);
			if (path.empty())
				continue;
			const char *const kind = archived ? "archived" : "processed";
			RewriteTask task;
			const auto &mended = quarantined_.mended_lines;
			if (const auto lines = mended.find(rows.integer(i, 5));
				archived && lines != mended.end())
			{
				task.lines = lines->second;
				task.lines_text = reading->removes ? std::string_view() : erased_text;
			}
			paths.push_back(
				(archived ? erasure_.settings.archive_dir : erasure_.settings.processed_dir) + "/" +
				path);
			copies.push_back({reading,
							  rows.integer(i, 0),
							  paths.back(),
							  std::string(kind) + "/" + path,
							  kind,
							  std::move(task),
							  {}});
		}
	}
	// files of this transaction, and files that could not be moved yet, still have other names
	const std::unordered_map<std::string, std::string> pending = pending_sources(paths);
	std::set<int64_t> file_ids;
	for (const FileCopy &copy : copies)
		file_ids.insert(copy.file_id);
	const std::unordered_map<int64_t, WaitingRaw> raw_files = waiting_raw_files(file_ids);
	for (FileCopy &copy : copies)
		add_known(std::move(copy), pending, raw_files);
}

void
FileEraser::add_known(FileCopy copy, const std::unordered_map<std::string, std::string> &pending,
					  const std::unordered_map<int64_t, WaitingRaw> &raw_files)
{
	const auto present = pending.find(copy.path);
	copy.task.source = present == pending.end() ? copy.path : present->second;
	if (const auto raw = raw_files.find(copy.file_id);
		raw != raw_files.end() && copy.is("archived"))
		copy.raw = raw->second;
	const bool there = identify(copy.task.source, copy.identity);
	if (!there && !means_gone(errno))
		return copies_.cannot_treat(copy, system_error("could not open file", errno));
	// a file that has the raw file's name now may be another delivery
	if (!there || (copy.raw && copy.task.source == copy.raw->action.from &&
				   !(copy.identity == copy.raw->action.identity)))
	{
		erasure_.report.unreached.emplace_back(copy.place, "the file is not there any more");
		return;
	}
	copies_.add(std::move(copy));
}

/// Raw files that wait to be loaded. No index says which people are in them, so they are read.
void
FileEraser::find_staged()
{
	if (erasure_.settings.raw_dir.empty() ||
		std::all_of(erasure_.requests.begin(), erasure_.requests.end(),
					[](const ErasureRequest &request) { return request.reinstated; }))
		return;
	for_staged_files(
		erasure_.settings.raw_dir, [this](const StagedFile &file) { add_staged(file); },
		// files in there cannot be loaded either; once they can, the person is known as erased
		[this](const UnreadableDirectory &directory)
		{
			erasure_.report.unreached.emplace_back("staged/" + storable_text(directory.path),
												   directory.error);
		},
		[this](const IrregularFile &file) {
			erasure_.report.unreached.emplace_back("staged/" + storable_text(file.path), file.what);
		});
	for (const auto &[dataset, files] : staged_requests_)
		erasure_.report.unreached.emplace_back(
			"staged/" + storable_text(files.first),
			(files.second == 1
				 ? "requests"
				 : "the first of " + std::to_string(files.second) + " files with requests") +
				" that the next run of dataset \"" + dataset + "\" answers");
}

void
FileEraser::add_staged(const StagedFile &file)
{
	const std::string dataset = erasure_.readings.claimant(file.name());
	const Definition *definition = erasure_.readings.last(dataset);
	const std::string path = erasure_.settings.raw_dir + "/" + file.path;
	if (definition == nullptr || is_taken_up_now(path, file.identity))
		return;
	if (erasure_.asks(*definition) && erasure_.catalog.find(dataset) != nullptr)
	{
		auto &[first, count] = staged_requests_[dataset];
		if (count++ == 0)
			first = file.path;
	}
	if (!definition->subject || definition->subject->dataset != erasure_.dataset)
		return;
	// nothing of the file was loaded: it is read by the definition that will load it
	FileCopy copy{erasure_.readings.of(dataset, 0),
				  0,
				  path,
				  "staged/" + file.path,
				  "staged",
				  {},
				  file.identity};
	copy.waits = is_taken_up(path, file.identity) || find_grown(path) != nullptr;
	// a file that this transaction has rewritten for another person
	copy.task.source = destination_taken(path) ? pending_sources({path}).at(path) : path;
	copy.task.probe = true;
	copies_.add(std::move(copy));
}

} // namespace etl
