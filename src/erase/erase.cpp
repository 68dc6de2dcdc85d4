#include "erase/erase.h"

#include <algorithm>

#include "core/rewrite.h"
#include "erase/dependents.h"
#include "erase/eraser.h"
#include "erase/exports.h"
#include "erase/hold.h"
#include "erase/purge.h"
#include "erase/record.h"
#include "erase/table_tree.h"
#include "erase/treat.h"
#include "pg/immediate_constraints.h"
#include "pg/table_statement.h"
#include "run/fault.h"
#include "run/row_partition.h"

extern "C"
{
#include "access/xact.h"
#include "utils/timestamp.h"
}

namespace etl
{

void
lock_for_erasure(const Catalog &catalog)
{
	// what another session committed while this one waited must be seen afterwards
	if (IsolationUsesXactSnapshot())
		throw pg::Error(
			"25001", "an erasure needs isolation level READ COMMITTED",
			"It waits for sessions that are loading, and must see what they have loaded.",
			"BEGIN ISOLATION LEVEL READ COMMITTED;");
	for (const bool asks : {true, false})
		for (const auto &[name, definition] : catalog.all())
			if (definition.erases.has_value() == asks)
				lock_dataset(name, true);
}

const Definition &
people_definition(const Catalog &catalog, const std::string &dataset)
{
	const Definition &definition = catalog.get(dataset);
	if (definition.subject && definition.subject->dataset == dataset)
		return definition;
	const std::string people = definition.subject  ? definition.subject->dataset
							   : definition.erases ? definition.erases->dataset
												   : "";
	throw pg::Error("22023", "dataset \"" + dataset + "\" has no people of its own",
					people.empty() ? "Its definition names no subject."
								   : "Its records are about people of dataset \"" + people + "\".",
					people.empty() ? "" : "Name dataset \"" + people + "\" instead.");
}

std::string
canonical_person(const Catalog &catalog, const std::string &dataset, const std::string &subject)
{
	const auto type = catalog.key_types().find(dataset);
	static const ColumnType as_text;
	return canonical_person(type == catalog.key_types().end() ? as_text : type->second, dataset,
							subject);
}

std::string
canonical_person(const ColumnType &key, const std::string &dataset, const std::string &subject)
{
	if (subject.empty())
		throw pg::Error("22004", "subject is empty",
						"Keys of dataset \"" + dataset + "\" are of type " + key.sql + ".");
	std::string json, encoded;
	append_json_string(json, subject);
	Document document;
	ParseError parse_error;
	TypeError error;
	if (!document.parse(json, parse_error) || !encode(key, document.root(), encoded, error))
		throw pg::Error(error.sqlstate != nullptr ? error.sqlstate : "22P02",
						"subject is no key of dataset \"" + dataset + "\"",
						"Keys of the dataset are of type " + key.sql + ".");
	return canonical_text(key, encoded);
}

Eraser::Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, Mode mode)
	: catalog_(catalog), dataset_(dataset), secret_(secret), requests_(requests),
	  settings_(settings), mode_(mode), people_(secret)
{
}

void
Eraser::run()
{
	add_people();
	// also for somebody who asks again: a crash may have left the files of the first time
	if (mode_ == Mode::erase)
		for (const auto &[name, definition] : catalog_.all())
			recover(name, settings_);
	if (!anybody_)
		return;
	if (mode_ == Mode::erase)
		for (const Definition *definition : definitions_about(catalog_, dataset_))
			refuse_citus_tables(*definition);
	if (mode_ == Mode::look)
		fingerprint_definitions();
	check_tables();
	find_held_emails();
	erase_rows();
	ETL_FAULT("erase_rows");
	if (!anybody_)
		return;
	erase_quarantine();
	ETL_FAULT("erase_quarantine");
	erase_files();
	ETL_FAULT("erase_files");
}

/// What is done depends on them.
void
Eraser::fingerprint_definitions()
{
	const pg::Rows rows =
		pg::query("SELECT name, md5(definition::text) FROM etl.dataset ORDER BY name");
	for (uint64_t i = 0; i < rows.size(); ++i)
		report_.fingerprint.push_back("definition " + rows.text(i, 0) + " " + rows.text(i, 1));
}

void
Eraser::add_people()
{
	people_ = Identities(secret_);
	texts_.clear();
	by_subject_.clear();
	use_subjects({});
	texts_.reserve(requests_.size());
	by_subject_.reserve(requests_.size());
	for (uint32_t i = 0; i < requests_.size(); ++i)
	{
		const ErasureRequest &request = requests_[i];
		if (request.duplicate || request.held || !request.failure.empty())
			continue;
		if (!request.subject.empty() && by_subject_.emplace(request.subject, i).second)
		{
			texts_.push_back(request.subject);
			people_.add_subject(people_.subject_hash(request.subject), i);
		}
		// known by the journal: a record that does not name anybody where it should may be theirs
		if (request.subject.empty() && request.subject_hash != 0)
			people_.add_subject(request.subject_hash, i);
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

void
Eraser::use_subjects(std::vector<std::string_view> subjects)
{
	subjects_ = std::move(subjects);
	texts_array_.reset();
	tokens_array_.reset();
}

/// One that the person had: it counts in what names nobody otherwise, now and in what comes later.
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
		// one after the other in one string: each by itself would take twice the memory
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

std::string
anonymized_text(const Definition &definition, Document &document, std::string_view text,
				std::string_view token)
{
	ParseError error;
	if (!document.parse(text, error))
		return {};
	return anonymize(document, definition.personal, {treatment_secret(definition), token});
}

ErasureReport
erase_subjects(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings, bool dry_run)
{
	if (requests.empty())
		return {};
	const pg::WithoutValues without_values;
	lock_for_erasure(catalog);
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

} // namespace etl
