// The files of an erasure: processed, archived and staged ones.
#include <algorithm>
#include <cerrno>
#include <system_error>

#include <unistd.h>

#include "catalog/indexed_as.h"
#include "catalog/people.h"
#include "catalog/subject_index.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "erase/eraser.h"
#include "erase/erasure_rows.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/catalog_owner.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "publish/grown_files.h"

namespace etl
{

namespace
{

/// Why a raw file cannot be removed. tried: an attempt has failed before.
std::string
obstacle_of_raw(const std::string &path, bool tried)
{
	if (beneath::may_change(path) != 0)
		return std::generic_category().message(errno);
	return tried ? "it could not be archived yet, etl.file says why" : "";
}

} // namespace

void
Eraser::erase_files()
{
	std::vector<int64_t> subjects;
	for (const std::string_view subject : people_.subjects())
		subjects.push_back(static_cast<int64_t>(people_.identities().subject_hash(subject)));
	for (const ErasureRequest &request : erasure_.requests)
		if (request.subject.empty() && request.subject_hash != 0 && !request.duplicate &&
			!request.held)
			subjects.push_back(static_cast<int64_t>(request.subject_hash));
	for (const std::string &name : erasure_.readings.related())
	{
		find_files(name, subjects, unindexed(name));
		remark_forgotten_records(name);
	}
	for (const auto &[name, files] : quarantine_.files().of_dataset)
		if (!erasure_.readings.is_related(name))
			find_files(name, {});
	find_staged();
	find_exports();
	rewrite_files();
	note_rewritten_exports();
}

constexpr char count_forgotten_records_sql[] = R"(
SELECT count(*)
  FROM etl.file f
 WHERE f.dataset = $1 AND f.quarantined > 0 AND f.archived_path IS NOT NULL
   AND f.quarantined > (SELECT count(*) FROM etl.quarantine q WHERE q.file_id = f.file_id))";

/// Records that name nobody where they should are known from quarantine only, and retention, or a
/// user, may have removed them there.
void
Eraser::remark_forgotten_records(const std::string &dataset)
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

constexpr char note_hashes_of_exports_sql[] = R"(
UPDATE etl.export e
   SET sha256 = r.hash
  FROM unnest($1::bigint[], $2::bytea[]) r(id, hash)
 WHERE e.export_id = r.id)";

void
Eraser::note_rewritten_exports()
{
	if (rewritten_exports_.empty())
		return;
	std::vector<int64_t> ids;
	std::vector<std::string_view> hashes;
	for (const auto &[id, hash] : rewritten_exports_)
	{
		ids.push_back(id);
		hashes.push_back(hash);
	}
	const AsCatalogOwner owner;
	pg::execute(note_hashes_of_exports_sql,
				{pg::param_array(ids), pg::param_array(17 /* bytea */, hashes)});
}

/// The files that may be about any person: the index knows them by another definition, and
/// index_former_files() could not read them.
const std::set<int64_t> &
Eraser::unindexed(const std::string &dataset)
{
	const auto [files, is_new] = unindexed_files_.try_emplace(dataset);
	if (const Definition *definition = is_new ? erasure_.readings.last(dataset) : nullptr)
		for (const int64_t id : unindexed_files(erasure_.catalog, *definition))
			files->second.insert(id);
	return files->second;
}

/// Finds the files of a dataset that contain the subjects according to the index, or contain a
/// quarantined record that was found; and the files that were delivered again with the same bytes
/// under the same name and were not loaded again.
void
Eraser::find_files(const std::string &dataset, const std::vector<int64_t> &subjects,
				   const std::set<int64_t> &more)
{
	std::vector<int64_t> ids = files_of_subjects(dataset, subjects);
	ids.insert(ids.end(), more.begin(), more.end());
	const QuarantinedFiles &quarantined = quarantine_.files();
	if (const auto found = quarantined.of_dataset.find(dataset);
		found != quarantined.of_dataset.end())
		ids.insert(ids.end(), found->second.begin(), found->second.end());
	std::sort(ids.begin(), ids.end());
	ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
	for (size_t begin = 0; begin < ids.size(); begin += limits::looked_up_files)
		find_some_files(dataset, std::span(ids).subspan(
									 begin, std::min(limits::looked_up_files, ids.size() - begin)));
}

constexpr char read_files_with_duplicates_sql[] = R"(
WITH held AS MATERIALIZED (SELECT f.*, r.defined_at
                             FROM unnest($2::bigint[]) i(id)
                             JOIN etl.file f ON f.file_id = i.id
                             LEFT JOIN etl.run r USING (run_id))
SELECT file_id, coalesce(processed_path, ''), coalesce(archived_path, ''), status = 'duplicate',
       defined_at, file_id
  FROM held
 -- they were read by what the one was read by of which they are duplicates
 UNION
SELECT d.file_id, coalesce(d.processed_path, ''), coalesce(d.archived_path, ''), true,
       held.defined_at, CASE WHEN d.sha256 = held.sha256 THEN held.file_id END
  FROM held
  JOIN etl.file d ON d.dataset = $1 AND d.path = held.path AND d.status = 'duplicate'
 ORDER BY 1, 6)";

void
Eraser::find_some_files(const std::string &dataset, std::span<const int64_t> ids)
{
	const pg::MemoryScope memory_scope;
	const pg::Rows rows = pg::query(
		read_files_with_duplicates_sql,
		{pg::param(dataset), pg::param_array(std::vector<int64_t>(ids.begin(), ids.end()))});
	std::vector<Copy> copies;
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
			continue; // reported by note_invalid_definitions()
		for (const bool archived : {false, true})
		{
			const std::string path = rows.text(i, archived ? 2 : 1);
			if (path.empty())
				continue;
			const char *const kind = archived ? "archived" : "processed";
			RewriteTask task;
			const auto &mended = quarantine_.files().mended_lines;
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
	for (const Copy &copy : copies)
		file_ids.insert(copy.file_id);
	const std::unordered_map<int64_t, WaitingRaw> raw_files = waiting_raw_files(file_ids);
	for (Copy &copy : copies)
		add_known(std::move(copy), pending, raw_files);
}

void
Eraser::add_known(Copy copy, const std::unordered_map<std::string, std::string> &pending,
				  const std::unordered_map<int64_t, WaitingRaw> &raw_files)
{
	const auto present = pending.find(copy.path);
	copy.task.source = present == pending.end() ? copy.path : present->second;
	if (const auto raw = raw_files.find(copy.file_id);
		raw != raw_files.end() && copy.kind == std::string("archived"))
		copy.raw = raw->second;
	const bool there = identify(copy.task.source, copy.identity);
	if (!there && !means_gone(errno))
		return cannot_treat(copy, system_error("could not open file", errno));
	// a file that has the raw file's name now may be another delivery
	if (!there || (copy.raw && copy.task.source == copy.raw->action.from &&
				   !(copy.identity == copy.raw->action.identity)))
	{
		erasure_.report.unreached.emplace_back(copy.place, "the file is not there any more");
		return;
	}
	add_copy(std::move(copy));
}

/// The people whom the index knows in a processed or archived file. Empty where a record in the
/// file was found by other means than the index: these means would not find it again after the rest
/// of the person's data is treated.
std::set<size_t>
Eraser::people_in(const Copy &copy)
{
	const std::string &dataset = copy.dataset();
	if (quarantine_.files().contains(dataset, copy.file_id))
		return {};
	const auto [files, is_new] = people_in_files_.try_emplace(dataset);
	if (is_new)
	{
		// one person may have asked several times
		std::unordered_multimap<int64_t, size_t> requests;
		std::vector<int64_t> hashes;
		const auto add = [&](uint64_t hash, size_t request)
		{
			hashes.push_back(static_cast<int64_t>(hash));
			requests.emplace(hashes.back(), request);
		};
		for (const std::string_view subject : people_.subjects())
			add(people_.identities().subject_hash(subject), people_.request_of(subject).value());
		for (size_t i = 0; i < erasure_.requests.size(); ++i)
			if (erasure_.requests[i].subject.empty() && erasure_.requests[i].subject_hash != 0)
				add(erasure_.requests[i].subject_hash, i);
		for (const SubjectFile &pair : files_by_subject(dataset, std::move(hashes)))
		{
			const auto [first, last] = requests.equal_range(pair.subject);
			for (auto request = first; request != last; ++request)
				files->second[pair.file_id].insert(request->second);
		}
	}
	const auto people = files->second.find(copy.file_id);
	return people == files->second.end() ? std::set<size_t>() : people->second;
}

/// Reports a file that exists, or may exist, and may be about the people, but could not be read:
/// nothing is called erased that is not erased, and no other person's erasure is stopped.
void
Eraser::cannot_treat(const Copy &copy, const FileError &error)
{
	if (copy.kind == std::string("exported"))
		return erasure_.report.note_untreated(storable_text(copy.place), error.what());
	std::set<size_t> people;
	const bool is_known = copy.kind != std::string("staged");
	if (is_known && unindexed(copy.dataset()).count(copy.file_id) > 0)
		return erasure_.report.note_untreated(storable_text(copy.place), error.what());
	if (erasure_.mode != Erasure::Mode::collect && is_known)
		people = people_in(copy);
	if (!people.empty())
		erasure_.report.note_untreated(storable_text(copy.place), error.what(), std::move(people));
	else if (erasure_.mode != Erasure::Mode::erase || copy.kind == std::string("staged"))
		// a staged file that cannot be read cannot be loaded either until it is whole
		erasure_.report.unreached.emplace_back(storable_text(copy.place), error.what());
	else
		throw pg::Error(error.sqlstate(),
						std::string("could not rewrite a file for an erasure: ") + error.what(),
						"File \"" + storable_text(copy.path) + "\". Nothing was erased.",
						"Mend it, or move it out of the directory and erase it by hand.");
}

/// Files are rewritten in groups of limits::rewritten_files.
void
Eraser::add_copy(Copy copy)
{
	copies_.push_back(std::move(copy));
	if (copies_.size() >= limits::rewritten_files)
		rewrite_files();
}

/// Raw files that wait to be loaded. No index says which people are in them, so they are read.
void
Eraser::find_staged()
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
Eraser::add_staged(const StagedFile &file)
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
	Copy copy{erasure_.readings.of(dataset, 0),
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
	add_copy(std::move(copy));
}

constexpr char note_hashes_of_archived_files_sql[] = R"(
UPDATE etl.file f
   SET archived_sha256 = r.hash
  FROM unnest($1::bigint[], $2::bytea[]) r(id, hash)
 WHERE f.file_id = r.id)";

void
Eraser::rewrite_files()
{
	if (copies_.empty())
		return;
	const pg::MemoryScope memory_scope;
	const size_t removals = planned_removals();
	std::vector<RewriteTask> tasks;
	// the definitions, and whether all records were accepted (not so in archived and staged files)
	using Group = std::pair<const Reading *, bool>;
	std::vector<Group> groups;
	std::map<Group, size_t> group_of;
	std::map<std::string, std::string> folders;
	for (Copy &copy : copies_)
	{
		const Group key{copy.reading, copy.kind == std::string("processed") ||
										  copy.kind == std::string("exported")};
		const auto [group, is_new] = group_of.emplace(key, groups.size());
		if (is_new)
			groups.push_back(key);
		if (erasure_.mode == Erasure::Mode::erase && folders.count(copy.dataset()) == 0)
			folders[copy.dataset()] = part_folder(erasure_.settings, copy.dataset());
		copy.task.group = group->second;
		// a processed file is JSON Lines whatever its name; an archived file has the delivered
		// format until it is rewritten
		copy.task.whole_json = copy.kind != std::string("processed") &&
							   copy.kind != std::string("exported") && is_whole_json(copy.path);
		copy.task.collect = erasure_.mode == Erasure::Mode::collect;
		if (erasure_.mode == Erasure::Mode::erase && !copy.waits)
		{
			copy.task.part = part_name(folders[copy.dataset()], copy.file_id, copy.kind);
			remove_on_rollback(copy.task.part);
		}
		tasks.push_back(copy.task);
	}
	const std::vector<PeopleKey> keys = people_keys(erasure_.catalog, erasure_.dataset);
	const auto factory = [&](size_t group, TypeInput *types) -> FileRewriter::Transform
	{
		const auto &[reading, accepted] = groups[group];
		const auto eraser = std::make_shared<ReadingEraser>(
			*reading, erasure_.catalog.key_types(), people_.identities(), erasure_.secret,
			erasure_.dataset, RecordEraser::Options{true, accepted, types}, keys);
		if (erasure_.mode == Erasure::Mode::collect)
			return [eraser](std::string_view text, std::string &, RewriteOutcome &)
			{ return eraser->whose(text); };
		// a removed record leaves a blank line, so that the line numbers of the others stay the
		// same
		const bool removes = reading->removes;
		return [eraser, removes](std::string_view text, std::string &out, RewriteOutcome &outcome)
		{
			const uint32_t person = eraser->erase(text, out);
			if (eraser->known_email() != 0)
				outcome.emails.emplace(person, eraser->known_email());
			if (removes && out == erased_text)
				out.clear();
			return person;
		};
	};
	FileRewriter rewriter(std::move(tasks), factory, erasure_.settings.threads,
						  &erasure_.type_input);
	const StopOnExit stop_on_exit(rewriter);
	for (bool done = false; !done;)
	{
		done = rewriter.wait(std::chrono::milliseconds(100));
		for (const auto &[task, text] : rewriter.take_texts())
			erasure_.sink(storable_text(copies_[task].place), text);
		pg::check_for_interrupts();
	}
	for (size_t i = 0; i < copies_.size(); ++i)
		finish_copy(copies_[i], rewriter.outcomes()[i]);
	copies_.clear();
	for (auto &[dataset, actions] : actions_)
		plan_actions(dataset, std::move(actions));
	actions_.clear();
	// the actions refer to the parts; the other copies have no part
	forget_removals_after(removals);
	if (!rewritten_archives_.empty())
	{
		const AsCatalogOwner owner;
		pg::execute(note_hashes_of_archived_files_sql,
					{pg::param_array(rewritten_archives_),
					 pg::param_array(17 /* bytea */,
									 std::vector<std::string_view>(rewritten_hashes_.begin(),
																   rewritten_hashes_.end()))});
	}
	rewritten_archives_.clear();
	rewritten_hashes_.clear();
}

/// Notes that a file still names the people who were found in it, and cannot be changed now.
void
Eraser::wait_for(const RewriteOutcome &outcome, const std::string &path, const std::string &place,
				 const std::string &why)
{
	if (erasure_.mode != Erasure::Mode::erase)
	{
		erasure_.report.unreached.emplace_back(storable_text(place), why);
		return;
	}
	const auto shared = std::make_shared<const std::string>(path);
	for (const auto &[person, count] : outcome.found)
		add_waiting(erasure_.requests[person], shared, storable_text(place), why);
}

/// Notes what would stop the file from being replaced by its treated copy, or stop the raw file
/// that it came from, whose bytes are not treated, from being removed.
void
Eraser::note_obstacles(const Copy &copy, const RewriteOutcome &outcome, const FileAction &action)
{
	if (erasure_.mode == Erasure::Mode::collect)
		return;
	if (const int error =
			outcome.changed || erasure_.mode == Erasure::Mode::look ? obstacle(action) : 0;
		error != 0)
		wait_for(outcome, copy.path, copy.place, obstacle_message(error));
	if (!copy.raw)
		return;
	const std::string &raw = copy.raw->action.from;
	const std::string why = obstacle_of_raw(raw, copy.raw->tried);
	if (!why.empty())
		wait_for(outcome, raw, "staged/" + raw.substr(erasure_.settings.raw_dir.size() + 1), why);
}

void
Eraser::finish_copy(const Copy &copy, RewriteOutcome &outcome)
{
	const bool staged = copy.kind == std::string("staged");
	const std::string place = storable_text(copy.place);
	if (!outcome.error.empty())
	{
		FileIdentity now;
		if (!identify(copy.task.source, now) && means_gone(errno))
			erasure_.report.unreached.emplace_back(place, "the file is not there any more");
		else
			cannot_treat(copy, FileError(outcome.sqlstate, outcome.error));
		// remove what was written before the error
		if (!copy.task.part.empty())
			(void)unlink(copy.task.part.c_str());
		return;
	}
	if (outcome.found.empty())
		return;
	// the file is loaded: the copy for the archive is treated, then this file is removed
	if (copy.waits && erasure_.mode != Erasure::Mode::collect)
		wait_for(outcome, copy.path, copy.place, obstacle_of_raw(copy.path, true));
	if (copy.waits && erasure_.mode == Erasure::Mode::erase)
		return;
	ErasedPlace entry;
	entry.place = place;
	entry.kind = copy.kind;
	entry.bytes = static_cast<int64_t>(outcome.size);
	for (const Reading::Step &step : copy.reading->steps)
		for (const PersonalDefinition &field : step.rest->personal)
			entry.columns.push_back(field.field);
	for (const auto &[person, count] : outcome.found)
	{
		entry.rows[person] += count;
		++erasure_.requests[person].file_count;
	}
	erasure_.report.places.push_back(std::move(entry));
	erasure_.report.known_emails.merge(outcome.emails);
	const auto hex = [](const std::array<uint8_t, 32> &hash)
	{ return std::string(reinterpret_cast<const char *>(hash.data()), hash.size()); };
	if (erasure_.mode == Erasure::Mode::look)
		erasure_.report.fingerprint.push_back(place + " " + to_hex(hex(outcome.sha256)));
	FileAction action;
	action.kind = staged ? FileAction::Kind::replace : FileAction::Kind::publish;
	if (copy.kind != std::string("exported")) // file_id is a number of etl.export there
		action.file_id = copy.file_id;
	action.from = copy.task.part;
	action.to = copy.path;
	if (!copy.waits)
		note_obstacles(copy, outcome, action);
	if (erasure_.mode != Erasure::Mode::erase || !outcome.changed)
		return;
	if (staged)
	{
		action.sha256 = outcome.sha256;
		action.identity = copy.identity;
	}
	actions_[copy.dataset()].push_back(std::move(action));
	if (copy.kind == std::string("exported"))
		rewritten_exports_.emplace_back(copy.file_id, hex(outcome.new_sha256));
	if (copy.kind == std::string("archived"))
	{
		rewritten_archives_.push_back(copy.file_id);
		rewritten_hashes_.push_back(hex(outcome.new_sha256));
	}
}

} // namespace etl
