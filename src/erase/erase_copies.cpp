#include "erase/erase_copies.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "catalog/people.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/files/beneath.h"
#include "core/records/file_name.h"
#include "erase/erasure_rows.h"
#include "load/claim.h"
#include "pg/catalog_owner.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/spi.h"
#include "publish/carry_out.h"

extern "C"
{
#include "catalog/pg_type.h"
}

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

std::string
bytes_of(const std::array<uint8_t, 32> &hash)
{
	return {reinterpret_cast<const char *>(hash.data()), hash.size()};
}

} // namespace

/// The people whom the index knows in a processed or archived file. Empty where a record in the
/// file was found by other means than the index: these means would not find it again after the rest
/// of the person's data is treated.
std::set<size_t>
CopyEraser::people_in(const FileCopy &copy)
{
	if (quarantined_.contains(copy.dataset(), copy.file_id))
		return {};
	return people_in_files_.in(copy.dataset(), copy.file_id);
}

void
CopyEraser::cannot_treat(const FileCopy &copy, const FileError &error)
{
	ErasureReport &report = erasure_.report;
	const std::string place = storable_text(copy.place);
	if (copy.is("exported"))
		return report.note_untreated(place, error.what());
	std::set<size_t> people;
	const bool is_known = !copy.is("staged");
	if (is_known && people_in_files_.unindexed(copy.dataset()).count(copy.file_id) > 0)
		return report.note_untreated(place, error.what());
	if (erasure_.mode != Erasure::Mode::collect && is_known)
		people = people_in(copy);
	if (!people.empty())
		report.note_untreated(place, error.what(), std::move(people));
	else if (erasure_.mode != Erasure::Mode::erase || copy.is("staged"))
		// a staged file that cannot be read cannot be loaded either until it is whole
		report.unreached.emplace_back(place, error.what());
	else
		throw pg::Error(error.sqlstate(),
						std::string("could not rewrite a file for an erasure: ") + error.what(),
						"File \"" + storable_text(copy.path) + "\". Nothing was erased.",
						"Mend it, or move it out of the directory and erase it by hand.");
}

void
CopyEraser::add(FileCopy copy)
{
	copies_.push_back(std::move(copy));
	if (copies_.size() >= limits::rewritten_files)
		rewrite();
}

void
CopyEraser::rewrite()
{
	if (copies_.empty())
		return;
	const pg::MemoryScope memory_scope;
	const size_t removals = planned_removals();
	std::vector<Group> groups;
	std::vector<RewriteTask> tasks = make_tasks(groups);
	const std::vector<PeopleKey> keys = people_keys(erasure_.catalog, erasure_.dataset);
	FileRewriter rewriter(
		std::move(tasks),
		[&](size_t group, TypeInput *types) { return transform(groups[group], types, keys); },
		erasure_.settings.threads, &erasure_.type_input);
	const StopOnExit stop_on_exit(rewriter);
	for (bool done = false; !done;)
	{
		done = rewriter.wait(std::chrono::milliseconds(100));
		for (const auto &[task, text] : rewriter.take_texts())
			erasure_.sink(storable_text(copies_[task].place), text);
		pg::check_for_interrupts();
	}
	for (size_t i = 0; i < copies_.size(); ++i)
		note_outcome(copies_[i], rewriter.outcomes()[i]);
	copies_.clear();
	plan();
	// the actions refer to the parts; the other copies have no part
	forget_removals_after(removals);
	note_rewritten_archives();
}

/// The tasks of the copies that were added. Sets their groups, and names their parts.
std::vector<RewriteTask>
CopyEraser::make_tasks(std::vector<Group> &groups)
{
	const bool erases = erasure_.mode == Erasure::Mode::erase;
	std::vector<RewriteTask> tasks;
	std::map<Group, size_t> group_of;
	std::map<std::string, std::string> folders;
	for (FileCopy &copy : copies_)
	{
		const bool is_ours = copy.is("processed") || copy.is("exported");
		const Group key{copy.reading, is_ours};
		const auto [group, is_new] = group_of.emplace(key, groups.size());
		if (is_new)
			groups.push_back(key);
		if (erases && folders.count(copy.dataset()) == 0)
			folders[copy.dataset()] = part_folder(erasure_.settings, copy.dataset());
		copy.task.group = group->second;
		// a processed file is JSON Lines whatever its name; an archived file has the delivered
		// format until it is rewritten
		copy.task.whole_json = !is_ours && is_whole_json(copy.path);
		copy.task.collect = erasure_.mode == Erasure::Mode::collect;
		if (erases && !copy.waits)
		{
			copy.task.part = part_name(folders[copy.dataset()], copy.file_id, copy.kind);
			remove_on_rollback(copy.task.part);
		}
		tasks.push_back(copy.task);
	}
	return tasks;
}

/// The treatment of the records of a group. Called in the threads that treat them; keys must
/// outlive it.
FileRewriter::Transform
CopyEraser::transform(const Group &group, TypeInput *types,
					  const std::vector<PeopleKey> &keys) const
{
	const auto &[reading, accepted] = group;
	const auto eraser = std::make_shared<ReadingEraser>(
		*reading, erasure_.catalog.key_types(), erasure_.people.identities(), erasure_.secret,
		erasure_.dataset, RecordEraser::Options{true, accepted, types}, keys);
	if (erasure_.mode == Erasure::Mode::collect)
		return [eraser](std::string_view text, std::string &, RewriteOutcome &)
		{ return eraser->whose(text); };
	// a removed record leaves a blank line, so that the line numbers of the others stay the same
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
}

void
CopyEraser::plan()
{
	for (auto &[dataset, actions] : actions_)
		plan_actions(dataset, std::move(actions));
	actions_.clear();
}

constexpr char note_hashes_of_archived_files_sql[] = R"(
UPDATE etl.file f
   SET archived_sha256 = r.hash
  FROM unnest($1::bigint[], $2::bytea[]) r(id, hash)
 WHERE f.file_id = r.id)";

void
CopyEraser::note_rewritten_archives()
{
	if (!rewritten_archives_.empty())
	{
		const AsCatalogOwner owner;
		pg::execute(
			note_hashes_of_archived_files_sql,
			{pg::param_array(rewritten_archives_),
			 pg::param_array(BYTEAOID, std::vector<std::string_view>(rewritten_hashes_.begin(),
																	 rewritten_hashes_.end()))});
	}
	rewritten_archives_.clear();
	rewritten_hashes_.clear();
}

/// Notes that a file still names the people who were found in it, and cannot be changed now.
void
CopyEraser::wait_for(const RewriteOutcome &outcome, const std::string &path,
					 const std::string &place, const std::string &why)
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
CopyEraser::note_obstacles(const FileCopy &copy, const RewriteOutcome &outcome,
						   const FileAction &action)
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
CopyEraser::finish(const FileCopy &copy, RewriteOutcome &outcome)
{
	note_outcome(copy, outcome);
	plan();
}

void
CopyEraser::note_outcome(const FileCopy &copy, RewriteOutcome &outcome)
{
	if (!outcome.error.empty())
		return note_error(copy, outcome);
	if (outcome.found.empty())
		return;
	// the file is loaded: the copy for the archive is treated, then this file is removed
	if (copy.waits && erasure_.mode != Erasure::Mode::collect)
		wait_for(outcome, copy.path, copy.place, obstacle_of_raw(copy.path, true));
	if (copy.waits && erasure_.mode == Erasure::Mode::erase)
		return;
	note_place(copy, outcome);
	FileAction action;
	action.kind = copy.is("staged") ? FileAction::Kind::replace : FileAction::Kind::publish;
	if (!copy.is("exported")) // file_id is a number of etl.export there
		action.file_id = copy.file_id;
	action.from = copy.task.part;
	action.to = copy.path;
	if (!copy.waits)
		note_obstacles(copy, outcome, action);
	if (erasure_.mode == Erasure::Mode::erase && outcome.changed)
		replace(copy, outcome, std::move(action));
}

/// Reports a copy that could not be read, or whose part could not be written.
void
CopyEraser::note_error(const FileCopy &copy, const RewriteOutcome &outcome)
{
	FileIdentity now;
	if (!identify(copy.task.source, now) && means_gone(errno))
		erasure_.report.unreached.emplace_back(storable_text(copy.place),
											   "the file is not there any more");
	else
		cannot_treat(copy, FileError(outcome.sqlstate, outcome.error));
	// remove what was written before the error
	if (!copy.task.part.empty())
		(void)unlink(copy.task.part.c_str());
}

/// Reports a copy that holds records about the people.
void
CopyEraser::note_place(const FileCopy &copy, RewriteOutcome &outcome)
{
	ErasedPlace entry;
	entry.place = storable_text(copy.place);
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
	if (erasure_.mode == Erasure::Mode::look)
		erasure_.report.fingerprint.push_back(entry.place + " " + to_hex(bytes_of(outcome.sha256)));
	erasure_.report.places.push_back(std::move(entry));
	erasure_.report.known_emails.merge(outcome.emails);
}

/// Has the copy replaced by its treated part after the commit.
void
CopyEraser::replace(const FileCopy &copy, const RewriteOutcome &outcome, FileAction action)
{
	if (copy.is("staged"))
	{
		action.sha256 = outcome.sha256;
		action.identity = copy.identity;
	}
	actions_[copy.dataset()].push_back(std::move(action));
	if (copy.is("exported"))
		rewritten_exports_.emplace_back(copy.file_id, bytes_of(outcome.new_sha256));
	if (copy.is("archived"))
	{
		rewritten_archives_.push_back(copy.file_id);
		rewritten_hashes_.push_back(bytes_of(outcome.new_sha256));
	}
}

} // namespace etl
