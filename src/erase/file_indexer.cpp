#include "erase/file_indexer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>

#include "catalog/indexed_as.h"
#include "catalog/subject_collector.h"
#include "core/base/utf8.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/file_move.h"
#include "pg/exit_guard.h"
#include "pg/guard.h"
#include "pg/key_file.h"

namespace etl
{

PersonNamer::PersonNamer(const NamingDefinitions &definitions, const KeyTypes &key_types,
						 const Identities &people)
{
	static const std::string none;
	for (const Definition *definition : definitions)
		erasers_.push_back(std::make_unique<RecordEraser>(
			*definition, key_types, people, none,
			definition->subject ? definition->subject->dataset : definition->erases->dataset));
}

NamingDefinitions
FileIndexer::definitions_of(std::optional<int64_t> defined_at)
{
	if (!former_)
	{
		former_.emplace();
		for (FormerDefinition &former : former_definitions())
			if (former.dataset == definition_.dataset && former.definition != nullptr &&
				(former.definition->subject || former.definition->erases))
				former_->push_back(std::move(former));
	}
	NamingDefinitions definitions{&definition_};
	for (const FormerDefinition &former : *former_)
		if (!defined_at || former.defined_at == *defined_at)
			definitions.push_back(former.definition.get());
	return definitions;
}

void
FileIndexer::index_found()
{
	std::vector<SubjectFile> index = read_files();
	before_adding();
	add_subject_files(definition_.dataset, index);
	if (definition_.on_repeat == OnRepeat::update)
		add_subject_emails(definition_.dataset, emails_);
	merge_subject_segments(definition_.dataset);
	note_read();
	emails_.clear();
}

/// Sets the groups of the tasks: files that name people by the same definitions are one. Returns
/// the definitions of each.
std::vector<NamingDefinitions>
FileIndexer::group_tasks()
{
	std::map<NamingDefinitions, size_t> group_of;
	std::vector<NamingDefinitions> groups;
	for (size_t i = 0; i < found_.size(); ++i)
	{
		const NamingDefinitions definitions = definitions_of(found_[i].defined_at);
		const auto [group, is_new] = group_of.emplace(definitions, groups.size());
		if (is_new)
			groups.push_back(definitions);
		tasks_[i].group = group->second;
	}
	return groups;
}

/// Reads the files. Returns pairs of a person's hash and a file_id.
std::vector<SubjectFile>
FileIndexer::read_files()
{
	const Identities people(pg::secret(pg::KeyUse::keep));
	const std::vector<NamingDefinitions> groups = group_tasks();
	FileRewriter reader(
		tasks_,
		[&](size_t group, TypeInput *) -> FileRewriter::Transform
		{
			const auto namer =
				std::make_shared<PersonNamer>(groups[group], catalog_.key_types(), people);
			return [namer, &people](std::string_view text, std::string &, RewriteOutcome &outcome)
			{
				namer->visit(text,
							 [&](const std::string &subject, uint64_t email)
							 {
								 const uint64_t hash = people.subject_hash(subject);
								 SubjectCollector::note(outcome.hashes, hash);
								 if (email != 0)
									 outcome.emails_of.emplace(hash, email);
							 });
				return Identities::nobody;
			};
		},
		settings_.threads);
	const StopOnExit stop_on_exit(reader);
	while (!reader.wait(std::chrono::milliseconds(100)))
		pg::check_for_interrupts();
	std::vector<SubjectFile> index;
	RunResult run = begin_run(catalog_, definition_.dataset);
	run.defined_at.reset(); // the files may be of any time
	for (size_t i = 0; i < found_.size(); ++i)
	{
		const RewriteOutcome &outcome = reader.outcomes()[i];
		if (!outcome.error.empty())
		{
			cannot_read(i, outcome);
			continue;
		}
		const int64_t file_id = file_of(found_[i], outcome, run);
		for (const auto &[subject, email] : outcome.emails_of)
			emails_.push_back({subject, email});
		for (const uint64_t hash : outcome.hashes)
			index.push_back({static_cast<int64_t>(hash), file_id});
		read_.insert(file_id);
		++files_;
	}
	if (run.files > 0)
		finish_run(run);
	std::sort(index.begin(), index.end());
	index.erase(std::unique(index.begin(), index.end()), index.end());
	pairs_ = static_cast<int64_t>(index.size());
	return index;
}

/// Reports a file that could not be read: the index does not say who is in it. A file that is
/// gone contains nobody.
void
FileIndexer::cannot_read(size_t i, const RewriteOutcome &outcome)
{
	FileIdentity identity;
	if (!identify(tasks_[i].source, identity) && means_gone(errno))
	{
		if (found_[i].file_id != 0)
			read_.insert(found_[i].file_id);
		return;
	}
	pg::notice(WARNING,
			   "\"" + storable_text(tasks_[i].source) + "\" was not read: " + outcome.error);
	if (found_[i].file_id != 0)
		unread_.insert(found_[i].file_id);
}

/// Notes that the files are indexed by the definition in force; files that could not be read
/// are noted as not indexed.
void
FileIndexer::note_read()
{
	std::erase_if(read_, [this](int64_t id) { return unread_.count(id) > 0; });
	note_indexed(catalog_, definition_, {read_.begin(), read_.end()});
	note_not_indexed(definition_.dataset, {unread_.begin(), unread_.end()});
	is_complete_ = is_complete_ && unread_.empty();
	read_.clear();
	unread_.clear();
}

} // namespace etl
