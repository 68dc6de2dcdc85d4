#include "erase/erase.h"

#include <algorithm>

#include "core/rewrite.h"
#include "erase/dependents.h"
#include "erase/eraser.h"
#include "erase/hold.h"
#include "erase/purge.h"
#include "erase/record.h"
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
					people.empty() ? "" : "SELECT etl_erase('" + people + "', …);");
}

std::string
canonical_person(const Catalog &catalog, const std::string &dataset, const std::string &subject)
{
	const auto type = catalog.key_types().find(dataset);
	static const ColumnType as_text;
	const ColumnType &key = type == catalog.key_types().end() ? as_text : type->second;
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
	add_held_emails();
	for (const Definition *definition : definitions_about(catalog_, dataset_))
		erase_tables(*definition);
	ETL_FAULT("erase_rows");
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
	texts_.reserve(requests_.size());
	by_subject_.reserve(requests_.size());
	for (uint32_t i = 0; i < requests_.size(); ++i)
	{
		const ErasureRequest &request = requests_[i];
		if (request.duplicate || request.held)
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
	anybody_ = !people_.empty();
}

/// The emails that are held of the subjects: a record that can't be read may hold nothing else.
void
Eraser::add_held_emails()
{
	const Definition *people = catalog_.find(dataset_);
	if (people == nullptr || !people->subject || people->subject->email.empty() ||
		people->key_column < 0 || texts_.empty() || !find_table(people->tables[0]))
		return;
	const TableDefinition &table = people->tables[0];
	const ColumnDefinition &key = table.columns[static_cast<size_t>(people->key_column)];
	for (const ColumnDefinition &column : table.columns)
	{
		if (column.source != Source::field || column.path != people->subject->email)
			continue;
		const pg::Rows rows = pg::query_table(
			"SELECT s.subject, t." + pg::quote(column.name) + "::text FROM unnest($1::text[])" +
				" s(subject) JOIN " + quoted(table) + " t ON t." + pg::quote(key.name) +
				" = s.subject::" + key.type.sql + " WHERE t." + pg::quote(column.name) +
				" IS NOT NULL",
			{texts()});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const std::string email = fold_email(rows.text(i, 1));
			if (!email.ends_with(erased_domain))
				add_known_email(by_subject_.at(rows.text(i, 0)), people_.email_hash(email));
		}
	}
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
		texts_array_ = pg::param_array(texts_);
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
		ends.reserve(texts_.size());
		for (const std::string_view subject : texts_)
		{
			const std::string token = subject_token(secret_, dataset_, subject);
			if (ends.empty())
				bytes.reserve(token.size() * texts_.size());
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

void
Eraser::count_rows(const pg::Rows &rows, ErasedPlace place)
{
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const auto found = by_subject_.find(rows.text(i, 0));
		if (found == by_subject_.end())
			continue;
		place.rows[found->second] += rows.integer(i, 1);
		requests_[found->second].row_count += rows.integer(i, 1);
		if (mode_ == Mode::look)
			report_.fingerprint.push_back(place.place + " " + rows.text(i, 2));
	}
	if (!place.rows.empty())
		report_.places.push_back(std::move(place));
}

void
Eraser::erase_tables(const Definition &definition)
{
	if (definition.tables.empty() || texts_.empty() || !find_table(definition.tables[0]))
		return;
	// the column that names the person stands in the first table; child tables follow by key
	const TableDefinition &first = definition.tables[0];
	const ColumnDefinition *subject = nullptr, *key = nullptr;
	for (const ColumnDefinition &column : first.columns)
		if (column.source == Source::field && column.path == definition.subject->path)
			subject = &column;
	if (definition.key_column >= 0)
		key = &first.columns[static_cast<size_t>(definition.key_column)];
	if (subject == nullptr)
		return;
	if (mode_ == Mode::erase && definition.subject->on_erasure == OnErasure::remove)
	{
		remove_rows(definition);
		return;
	}
	for (const TableDefinition &table : definition.tables)
		if (find_table(table))
			erase_table(definition, table, *subject, key);
}

/// "on_erasure": "delete".
void
Eraser::remove_rows(const Definition &definition)
{
	ErasedPlace place;
	place.place = definition.tables[0].schema + "." + definition.tables[0].name;
	place.kind = "table";
	for (const ColumnDefinition &column : definition.tables[0].columns)
		place.columns.push_back(column.name);
	for (const std::string &statement : removal_statements(catalog_, definition))
		count_rows(
			pg::query_table("WITH removed AS (" + statement +
								") SELECT subject, count(*), '' FROM removed GROUP BY subject",
							{texts()}),
			place);
	// a person's key is nobody's any more, not even as a hash
	if (definition.key == definition.subject->path && keeps_row_partitions(definition))
		forget_row_partitions(definition.dataset, texts_);
}

void
Eraser::erase_table(const Definition &definition, const TableDefinition &table,
					const ColumnDefinition &subject, const ColumnDefinition *key)
{
	ErasedPlace place;
	place.place = table.schema + "." + table.name;
	place.kind = "table";
	std::string set;
	for (const PersonalColumn &c : personal_columns(definition, table))
	{
		place.columns.push_back(c.column->name);
		set += (set.empty() ? "" : ", ") + pg::quote(c.column->name) + " = " +
			   treated_expression(c, "t", "s.token");
	}
	const std::string people = "unnest($1::text[], $2::text[]) s(subject, token)";
	std::string from = people, where;
	const std::string match = "." + pg::quote(subject.name) + " = s.subject::" + subject.type.sql;
	if (!table.is_child)
		where = "t" + match;
	else
	{
		const ColumnDefinition *parent = nullptr;
		for (const ColumnDefinition &column : table.columns)
			if (key != nullptr && column.source == Source::field && column.path == key->path)
				parent = &column;
		if (parent == nullptr)
			return;
		from += " JOIN " + quoted(definition.tables[0]) + " p ON p" + match;
		where = "t." + pg::quote(parent->name) + " = p." + pg::quote(key->name);
	}
	if (mode_ == Mode::collect)
	{
		const pg::Rows rows = pg::query_table("SELECT to_jsonb(t)::text FROM " + from + ", " +
												  quoted(table) + " t WHERE " + where,
											  {texts(), tokens()});
		for (uint64_t i = 0; i < rows.size(); ++i)
			records_.emplace_back(place.place, rows.text(i, 0));
		return;
	}
	// of a child table without personal columns nothing is treated; of the first table a row counts
	// in any case, because something is held about the person
	if (set.empty() && table.is_child)
		return;
	if (mode_ == Mode::look || set.empty())
		count_rows(pg::query_table("SELECT s.subject, count(*),"
								   " sum(hashtextextended(t::text, 0))::text FROM " +
									   from + ", " + quoted(table) + " t WHERE " + where +
									   " GROUP BY s.subject ORDER BY s.subject",
								   {texts(), tokens()}),
				   std::move(place));
	else
		count_rows(pg::query_table("WITH treated AS (UPDATE " + quoted(table) + " t SET " + set +
									   " FROM " + from + " WHERE " + where +
									   " RETURNING s.subject) SELECT subject, count(*), ''"
									   " FROM treated GROUP BY subject",
								   {texts(), tokens()}),
				   std::move(place));
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
