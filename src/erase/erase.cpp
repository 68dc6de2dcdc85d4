#include "erase/erase.h"

#include <algorithm>

#include "anonymize/exports.h"
#include "anonymize/removal.h"
#include "anonymize/treated_columns.h"
#include "catalog/citus.h"
#include "catalog/dataset_lock.h"
#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "catalog/subject_index.h"
#include "catalog/table_tree.h"
#include "catalog/tombstone.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/pseudonym.h"
#include "erase/dependents.h"
#include "erase/eraser.h"
#include "erase/erasure_rows.h"
#include "erase/hold.h"
#include "erase/index_former.h"
#include "erase/purge.h"
#include "load/row_partition.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/immediate_constraints.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/table_statement.h"
#include "publish/recover.h"

extern "C"
{
#include "access/xact.h"
#include "utils/timestamp.h"
}

namespace etl
{

Catalog
lock_for_erasure(const Catalog &catalog)
{
	// after the wait, the data that other sessions have committed must be visible
	if (IsolationUsesXactSnapshot())
		throw pg::Error(
			sqlstate::active_sql_transaction, "an erasure needs isolation level READ COMMITTED",
			"It waits for sessions that are loading, and must see what they have loaded.",
			"BEGIN ISOLATION LEVEL READ COMMITTED;");
	for (const bool asks : {true, false})
		for (const auto &[name, definition] : catalog.all())
			if (definition.erases.has_value() == asks)
				lock_dataset(name, true);
	// a dataset that is defined after this point runs after the erasure, and recognises the people
	lock_definitions(false);
	Catalog now = Catalog::load();
	for (const auto &[name, definition] : now.all())
		if (catalog.find(name) == nullptr)
			lock_dataset(name, true);
	for (const std::string &name : dropped_datasets())
		lock_dataset(name, true);
	return now;
}

Catalog
lock_people(const Catalog &catalog)
{
	Catalog now = lock_for_erasure(catalog);
	index_former_files(now);
	return now;
}

Eraser::Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, Mode mode)
	: catalog_(catalog), dataset_(dataset), secret_(secret), requests_(requests),
	  settings_(settings), mode_(mode), readings_(catalog, dataset), people_(secret),
	  strangers_(secret)
{
}

void
Eraser::run()
{
	add_people();
	// also for a person who asks again: a crash may have left files of the first erasure
	if (mode_ == Mode::erase)
	{
		for (const auto &[name, definition] : catalog_.all())
			recover(name, settings_);
		for (const std::string &name : dropped_datasets())
			recover(name, settings_);
	}
	for (const Definition *definition : definitions_about(catalog_, dataset_))
		refuse_citus_tables(*definition);
	if (!anybody_)
		return;
	if (mode_ == Mode::look)
		fingerprint_definitions();
	note_invalid_definitions();
	check_tables();
	find_held_emails();
	erase_rows();
	ETL_FAULT("erase_rows");
	if (!anybody_)
		return;
	erase_quarantine();
	ETL_FAULT("erase_quarantine");
	remark_strangers();
	const auto known_emails = report_.known_emails;
	erase_files();
	ETL_FAULT("erase_files");
	erase_emails_of_files(known_emails);
}

/// Searches for emails of the people that were found only while the files were read: quarantined
/// records that name nobody were searched before that. known: the emails that were known before, by
/// index of the request.
void
Eraser::erase_emails_of_files(const std::set<std::pair<uint32_t, uint64_t>> &known)
{
	people_ = Identities(secret_);
	for (const auto &email : report_.known_emails)
		if (known.count(email) == 0)
			people_.add_text_email(email.second, email.first);
	if (people_.empty())
		return;
	strangers_ = Identities(secret_);
	quarantined_files_.clear();
	mended_lines_.clear();
	erase_all_unnamed_quarantine();
}

/// It is not known which people are in which tables and files of these datasets.
void
Eraser::note_invalid_definitions()
{
	for (const auto &[name, error] : catalog_.invalid())
		note_untreated("dataset " + name, "its definition is not valid: " + error.detail());
	for (const auto &[name, error] : readings_.unreadable())
		if (holds_records(name))
			note_untreated("dataset " + name,
						   "it was dropped, and its last definition is not valid: " + error);
}

constexpr char hash_definitions_sql[] = R"(
SELECT name, md5(definition::text) FROM etl.dataset ORDER BY name)";

/// The plan depends on the definitions.
void
Eraser::fingerprint_definitions()
{
	const pg::Rows rows = pg::query(hash_definitions_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
		report_.fingerprint.push_back("definition " + rows.text(i, 0) + " " + rows.text(i, 1));
}

void
Eraser::add_people()
{
	people_ = Identities(secret_);
	strangers_ = Identities(secret_);
	texts_.clear();
	by_subject_.clear();
	use_subjects({});
	texts_.reserve(requests_.size());
	by_subject_.reserve(requests_.size());
	const auto add_key = [&](uint64_t hash, uint32_t person, bool known)
	{
		known ? people_.add_subject(hash, person) : people_.add_unknown_subject(hash, person);
		if (!known)
			strangers_.add_subject(hash, person);
	};
	for (uint32_t i = 0; i < requests_.size(); ++i)
	{
		const ErasureRequest &request = requests_[i];
		if (request.duplicate || request.held || !request.failure.empty())
			continue;
		if (!request.subject.empty() && by_subject_.emplace(request.subject, i).second)
		{
			texts_.push_back(request.subject);
			add_key(people_.subject_hash(request.subject), i, request.known);
		}
		// the subject is known by the journal: a record that names nobody where it should may be
		// about it
		if (request.subject.empty() && request.subject_hash != 0)
			add_key(request.subject_hash, i, request.status != "not_found");
		if (!request.email.empty() && !request.conflict)
		{
			const uint64_t hash = people_.email_hash(request.email);
			request.shared_email ? people_.add_text_email(hash, i) : people_.add_email(hash, i);
		}
		else if (request.email_hash != 0)
			people_.add_email(request.email_hash, i);
		for (const uint64_t hash : request.known_emails)
			people_.add_text_email(hash, i);
	}
	use_subjects(texts_);
	for (const auto &[person, hash] : report_.known_emails)
		if (requests_[person].failure.empty())
			people_.add_text_email(hash, person);
	anybody_ = !people_.empty();
}

/// Marks people as known who were found by key in a table or in quarantine, or are in a file. The
/// keys of all others may be words that mean no person.
void
Eraser::find_known()
{
	std::unordered_map<int64_t, uint32_t> unknown;
	std::vector<int64_t> hashes;
	bool is_new = false;
	for (const auto &[subject, i] : by_subject_)
	{
		ErasureRequest &request = requests_[i];
		if (request.known)
			continue;
		request.known = request.row_count > 0;
		is_new = is_new || request.known;
		if (request.known)
			continue;
		hashes.push_back(static_cast<int64_t>(people_.subject_hash(subject)));
		unknown.emplace(hashes.back(), i);
	}
	for (const std::string &name : readings_.related())
		if (!hashes.empty())
			for (const int64_t hash : subjects_in_files(name, hashes))
				is_new = requests_[unknown.at(hash)].known = true;
	if (is_new)
		add_people();
}

void
Eraser::run_words()
{
	add_people();
	people_.look_at_words_only();
	strangers_ = Identities(secret_);
	erase_all_unnamed_quarantine();
}

constexpr char datasets_in_quarantine_sql[] = R"(
SELECT DISTINCT dataset FROM etl.quarantine ORDER BY 1)";

/// Treats quarantined records that name nobody, and the files that they came from.
void
Eraser::erase_all_unnamed_quarantine()
{
	const pg::Rows rows = pg::query(datasets_in_quarantine_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
		erase_unnamed_quarantine(rows.text(i, 0));
	for (const auto &[name, files] : quarantined_files_)
		find_files(name, {});
	rewrite_files();
}

void
Eraser::run_mended()
{
	add_people();
	add_mended_lines();
	people_ = Identities(secret_); // records that name them were treated when they were erased
	for (const auto &[name, files] : quarantined_files_)
		find_files(name, {});
	rewrite_files();
}

void
Eraser::use_subjects(std::vector<std::string_view> subjects)
{
	subjects_ = std::move(subjects);
	texts_array_.reset();
	tokens_array_.reset();
}

/// An email that the person had: from now on it counts in records that name nobody otherwise, also
/// in those that come later.
void
Eraser::add_known_email(uint32_t person, uint64_t hash)
{
	people_.add_text_email(hash, person);
	report_.known_emails.emplace(person, hash);
}

pg::Param
Eraser::texts()
{
	if (!texts_array_)
		texts_array_ = pg::param_array(subjects_);
	return *texts_array_;
}

pg::Param
Eraser::tokens()
{
	if (!tokens_array_)
	{
		// all in one string: separate strings would take twice the memory
		std::string bytes;
		std::vector<size_t> ends;
		ends.reserve(subjects_.size());
		for (const std::string_view subject : subjects_)
		{
			const std::string token = subject_token(secret_, dataset_, subject);
			if (ends.empty())
				bytes.reserve(token.size() * subjects_.size());
			bytes += token;
			ends.push_back(bytes.size());
		}
		std::vector<std::string_view> tokens;
		tokens.reserve(ends.size());
		for (size_t from = 0; const size_t end : ends)
		{
			tokens.push_back(std::string_view(bytes).substr(from, end - from));
			from = end;
		}
		tokens_array_ = pg::param_array(tokens);
	}
	return *tokens_array_;
}

ErasureReport
erase_subjects(const Catalog &known, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, bool dry_run)
{
	if (requests.empty())
		return {};
	const pg::WithoutValues without_values;
	const Catalog catalog = lock_for_erasure(known);
	if (!dry_run)
		lock_exports(true);
	mark_held(dataset, secret, requests);
	Eraser eraser(catalog, dataset, secret, requests, settings,
				  dry_run ? Eraser::Mode::look : Eraser::Mode::erase);
	pg::ImmediateConstraints immediate;
	eraser.run();
	immediate.end();
	add_dependents(catalog, dataset, eraser.report());
	for (const ErasureRequest &request : requests)
		if (request.held)
			eraser.report().held.emplace_back("etl.hold", "a legal hold: the request waits");
	if (!dry_run)
	{
		if (!eraser.report().places.empty())
			note_purge(purge_scope(dataset));
		record_erasures(dataset, secret, requests, eraser.report());
	}
	return std::move(eraser.report());
}

namespace
{

/// Erases, in some places only, people who were erased before. Records the requests for which
/// something was found, or for which emails have become known; these emails are remembered.
void
erase_again(const Catalog &known, const std::string &dataset, const std::string &secret,
			std::vector<ErasureRequest> &requests, const pg::Settings &settings,
			void (Eraser::*run)())
{
	if (requests.empty())
		return;
	const pg::WithoutValues without_values;
	const Catalog catalog = lock_for_erasure(known);
	lock_exports(true);
	mark_held(dataset, secret, requests);
	Eraser eraser(catalog, dataset, secret, requests, settings, Eraser::Mode::erase);
	(eraser.*run)();
	std::vector<ErasureRequest> found;
	std::map<uint32_t, uint32_t> found_as;
	for (uint32_t i = 0; i < requests.size(); ++i)
	{
		const bool is_found = requests[i].row_count > 0 || requests[i].file_count > 0;
		if (!is_found && requests[i].known_emails.empty())
			continue;
		found_as.emplace(i, found.size());
		ErasureRequest &request = found.emplace_back(requests[i]);
		if (is_found)
			continue;
		// only emails are new: they are remembered in spite of a hold, because records that come
		// later are treated in spite of it, too
		request.status = "completed";
		request.held = false;
	}
	if (found.empty())
		return;
	const bool is_treated = !eraser.report().places.empty();
	for (ErasedPlace &place : eraser.report().places)
	{
		std::map<uint32_t, int64_t> rows;
		for (const auto &[person, count] : place.rows)
			rows.emplace(found_as.at(person), count);
		place.rows = std::move(rows);
	}
	std::set<std::pair<uint32_t, uint64_t>> emails;
	for (const auto &[person, hash] : eraser.report().known_emails)
		if (const auto as = found_as.find(person); as != found_as.end())
			emails.emplace(as->second, hash);
	eraser.report().known_emails = std::move(emails);
	if (is_treated)
		note_purge(purge_scope(dataset));
	record_erasures(dataset, secret, found, eraser.report());
}

} // namespace

void
erase_words_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings)
{
	erase_again(catalog, dataset, secret, requests, settings, &Eraser::run_words);
	std::vector<std::string_view> pseudonyms;
	for (const ErasureRequest &request : requests)
		if (!request.held)
			pseudonyms.push_back(request.pseudonym);
	note_known_subjects(dataset, pseudonyms);
}

void
erase_mended_of(const Catalog &catalog, const std::string &dataset, const std::string &secret,
				std::vector<ErasureRequest> &requests, const pg::Settings &settings)
{
	erase_again(catalog, dataset, secret, requests, settings, &Eraser::run_mended);
}

} // namespace etl
