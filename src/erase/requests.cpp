// Requests for erasure that come in the records of a dataset: they are staged like all records, and
// then carried out by slices.
//
// Next door: resolve_requests.cpp finds whom a request is about, erase.cpp carries it out.
#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <system_error>

#include "catalog/definitions.h"
#include "catalog/tombstone.h"
#include "core/base/calendar.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/definition/normalize.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/output/file_rewriter.h"
#include "core/privacy/email.h"
#include "core/privacy/record_eraser.h"
#include "core/records/file_name.h"
#include "erase/erase.h"
#include "erase/erasure_rows.h"
#include "erase/hold.h"
#include "erase/requests.h"
#include "erase/resolve_requests.h"
#include "load/check.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "load/run_file.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/read_records.h"
#include "pg/settings.h"
#include "pg/temp_file.h"
#include "publish/archive_mark.h"

namespace etl
{

ErasureRun::ErasureRun(const Catalog &catalog, const Definition &definition,
					   const std::string &secret)
	// before people are looked up: data that another session is loading must be visible
	: catalog_(lock_people(catalog)), definition_(definition), secret_(secret), asked_(secret),
	  erased_(
		  secret, [] { return std::make_unique<pg::TempFile>(); }, limits::erased_memory)
{
	require_files_known(catalog_, pg::Settings::current());
}

namespace
{

/// Refuses a subject that is not a key, and a request that names nobody.
void
check_identifiers(const ErasesDefinition &erases, const std::string &key_type,
				  const Document &document, StagedRecord &record)
{
	const Value subject = find(document.root(), erases.subject);
	if (subject && !subject.is(Kind::null) && record.subject.data() == nullptr)
		record.add({Code::type, key_type, erases.subject_field, "",
					sqlstate::invalid_text_representation,
					erases.subject_field + ": is not a key of dataset " + erases.dataset});
	else if (record.subject.data() == nullptr &&
			 fold_email(text_at(document, erases.email)).empty())
		record.add({Code::type, "text", erases.email_field, "",
					sqlstate::invalid_text_representation, erases.email_field + ": names nobody"});
}

/// Adds the identifiers of the people who are erased because of the request. known: a person is
/// known to have the key.
void
add_identifiers(const ErasureRequest &request, bool known, Identities &people)
{
	if (request.duplicate || request.held)
		return;
	if (!request.subject.empty() && known)
		people.add_subject(people.subject_hash(request.subject), 0);
	else if (!request.subject.empty())
		people.add_unknown_subject(people.subject_hash(request.subject), 0);
	if (request.email.empty() || request.conflict)
		return;
	const uint64_t hash = people.email_hash(request.email);
	request.shared_email ? people.add_text_email(hash, 0) : people.add_email(hash, 0);
}

} // namespace

void
ErasureRun::resolve(Batch &batch)
{
	const ErasesDefinition &erases = *definition_.erases;
	const std::string &key_type = catalog_.key_type(erases.dataset).sql;
	const pg::MemoryScope memory;
	std::vector<BatchRecord *> records;
	asks_.clear();
	resolved_.clear();
	resolved_.reserve(batch.records.size());
	records.reserve(batch.records.size());
	Document document;
	for (BatchRecord &r : batch.records)
	{
		ParseError error;
		if (!r.record->loadable || !document.parse(r.record->text, error))
			continue;
		check_identifiers(erases, key_type, document, *r.record);
		if (r.record->violations != nullptr)
			continue;
		ErasureRequest &request = resolved_.emplace_back();
		if (r.record->subject.data() != nullptr)
			request.subject = std::string(r.record->subject);
		request.email = fold_email(text_at(document, erases.email));
		records.push_back(&r);
	}
	const std::vector<size_t> origins =
		resolve_requests(catalog_, erases.dataset, secret_, resolved_, seen_);
	asks_.reserve(records.size());
	for (size_t i = 0; i < resolved_.size(); ++i)
		if (i == 0 || origins[i] != origins[i - 1])
			asks_.push_back({records[origins[i]]->record, i});
	KeySet keys;
	for (size_t k = 0; k < asks_.size(); ++k)
	{
		StagedRecord &record = *records[k]->record; // every record here asks for an erasure
		// the key check reports a key that comes twice
		if (record.key.data() != nullptr)
		{
			if (keys.contains(record.key))
				continue;
			keys.add(record.key);
		}
		// an email of several people asks for all of them: the request is new when one of them is
		// new
		if (std::all_of(resolved_.begin() + asks_[k].first, resolved_.begin() + end_of(k),
						[](const ErasureRequest &request) { return request.duplicate; }))
			record.add(
				duplicate_violation(definition_, "erasure of this person was asked for before"));
	}
}

namespace
{

/// The time at which a request was delivered, according to its partition: the legal time limit
/// begins then.
std::string
delivery_of(const RowContext &context)
{
	constexpr int64_t hour = INT64_C(3600000000);
	return format_utc(
		std::min(context.record_date * 24 * hour + context.record_hour * hour, context.run_time));
}

/// Is the request refused by a check, for another reason than that it was asked for before? Such a
/// request has not been answered.
bool
waits(const StagedRecord &record)
{
	return record.violations != nullptr &&
		   std::any_of(record.violations->begin(), record.violations->end(),
					   [](const Violation &violation)
					   { return violation.code != Code::duplicate; });
}

/// When the requests in a record were delivered; "": not known. file: StagedRecord::file. The
/// others: see ErasureRun::collect().
std::string
delivery_of(uint32_t file, const std::vector<RunFile> &files, const std::vector<int64_t> &delivered)
{
	return file < files.size()       ? delivery_of(files[file].context)
		   : file < delivered.size() ? format_utc(delivered[file])
									 : std::string();
}

/// Replaces what is exported and quarantined of a record by a text that names nobody.
void
replace_text(BatchRecord &r, const std::string &text)
{
	r.record->text = r.record->output = r.piece->arena.copy(text);
	r.record->subject = {};
	r.record->key = {};
}

} // namespace

void
ErasureRun::collect(Batch &batch, const std::vector<RunFile> &files, const ErasedPeople *erased,
					const std::vector<int64_t> &delivered)
{
	mark_held(definition_.erases->dataset, secret_, resolved_);
	RecordEraser since = eraser_of(erased_);
	std::optional<RecordEraser> before;
	if (erased != nullptr)
		before.emplace(definition_, catalog_.key_types(), erased->people, secret_,
					   definition_.erases->dataset,
					   RecordEraser::Options{true, false, &type_input_});
	const auto erase = [&](std::string_view text, std::string &out)
	{
		return (!erased_.empty() && since.erase(text, out) != Identities::nobody) ||
			   (before && before->erase(text, out) != Identities::nobody);
	};
	Document document;
	ParseError error;
	std::shared_ptr<const std::string> source;
	uint32_t source_file = 0;
	size_t k = 0;
	for (BatchRecord &r : batch.records)
	{
		const bool asks = k < asks_.size() && asks_[k].record == r.record;
		if (!asks || waits(*r.record))
		{
			k += asks ? 1 : 0;
			// The record was refused before it could be read as a request, or by a check. It is
			// kept as it is until it is corrected or the record that it waits for arrives, unless
			// it names a person who has been erased already. People of the same slice are found
			// there by the erasure itself, which searches the quarantine.
			if (std::string treated; r.record->violations && erase(r.record->text, treated))
			{
				replace_text(r, treated);
				r.record->storable = r.record->treated = r.record->answered = true;
			}
			continue;
		}
		const size_t first = asks_[k].first, end = end_of(k);
		++k;
		if (source == nullptr || source_file != r.record->file)
		{
			source_file = r.record->file;
			source = std::make_shared<const std::string>(
				source_file < files.size() ? files[source_file].path : "quarantine");
		}
		for (size_t i = first; i < end; ++i)
		{
			resolved_[i].source = source;
			resolved_[i].received_at = delivery_of(source_file, files, delivered);
			resolved_[i].duplicate = resolved_[i].duplicate || !r.accepted;
			add_identifiers(resolved_[i], true, asked_);
		}
		(void)document.parse(r.record->text, error); // the state before the checks
		replace_text(r, pseudonymized_request(definition_, secret_, document));
	}
	asks_.clear();
	add_resolved();
}

/// Adds the requests of the batch that were accepted to those of the slice.
void
ErasureRun::add_resolved()
{
	std::erase_if(resolved_, [](const ErasureRequest &request) { return !request.source; });
	if (requests_.empty())
		requests_ = std::move(resolved_);
	else
		requests_.insert(requests_.end(), std::make_move_iterator(resolved_.begin()),
						 std::make_move_iterator(resolved_.end()));
	resolved_ = {};
}

size_t
ErasureRun::end_of(size_t k) const
{
	return k + 1 < asks_.size() ? asks_[k + 1].first : resolved_.size();
}

bool
ErasureRun::full() const
{
	return requests_.size() >= requests_at_a_time();
}

/// A request names the person itself, so it must be possible to remove its file.
void
ErasureRun::wait_for_own_files()
{
	const pg::Settings settings = pg::Settings::current();
	std::map<std::string, std::pair<std::shared_ptr<const std::string>, int>> files;
	for (ErasureRequest &request : requests_)
	{
		if (request.source->find('/') == std::string::npos) // a request of a replay
			continue;
		const auto [file, is_new] = files.try_emplace(*request.source);
		auto &[path, error] = file->second;
		if (is_new)
		{
			path = std::make_shared<const std::string>(settings.raw_dir + "/" + file->first);
			error = beneath::may_change(*path) != 0 ||
							beneath::may_change(settings.archive_dir + "/" + file->first) != 0
						? errno
						: 0;
		}
		if (error != 0)
			add_waiting(request, path, "staged/" + storable_text(file->first),
						std::generic_category().message(error));
	}
}

void
ErasureRun::execute()
{
	const pg::MemoryScope memory_scope;
	wait_for_own_files();
	const ErasureReport report = erase_subjects(catalog_, definition_.erases->dataset, secret_,
												requests_, pg::Settings::current());
	const auto failed =
		std::count_if(requests_.begin(), requests_.end(),
					  [](const ErasureRequest &request) { return !request.failure.empty(); });
	if (failed > 0)
		pg::notice(WARNING,
				   std::to_string(failed) + (failed == 1 ? " request" : " requests") +
					   " for erasure could not be carried out",
				   "Nothing about these people was erased; etl.erasure.error says why.",
				   "Mend that, then SELECT * FROM etl_erase_failed();");
	warn_of_waiting(requests_);
	for (const auto &[person, hash] : report.known_emails)
		erased_.add_text_email(hash, 0);
	for (const ErasureRequest &request : requests_)
		add_identifiers(request, request.known, erased_);
	requests_ = {};
	asked_ = Identities(secret_);
	seen_ = KeySet();
}

RecordEraser
ErasureRun::eraser_of(const Identities &people) const
{
	return RecordEraser(definition_, catalog_.key_types(), people, secret_,
						definition_.erases->dataset,
						RecordEraser::Options{true, false, &type_input_});
}

namespace
{

/// Does the request have an identifier where the definition expects it?
bool
names_somebody(const Definition &definition, const Document &document)
{
	return !text_at(document, definition.erases->subject).empty() ||
		   !text_at(document, definition.erases->email).empty();
}

} // namespace

/// Removes a line that names one of the people anywhere.
std::string
ErasureRun::clean_text(std::string line, std::span<const Identities *const> people) const
{
	for (const Identities *some : people)
		eraser_of(*some).erase_malformed(line, line);
	return line;
}

/// A refused request waits in quarantine until it is corrected. The file keeps the same part of it
/// as of a refused record whose person was erased, with pseudonyms as identifiers.
std::string
ErasureRun::clean_request(Document &document, const RefusedRecord &refused,
						  std::span<const Identities *const> people) const
{
	std::string line = pseudonymized_request(definition_, secret_, document);
	if (!names_somebody(definition_, document))
		return clean_text(std::move(line), people);
	normalize_numbers(definition_, document);
	if (refused.is_refused(document))
		line = refused.treat(document, {secret_, {}});
	for (const Identities *some : people)
		if (some->named_in(line, nullptr) != Identities::nobody)
			return std::string(erased_text);
	return line;
}

void
ErasureRun::rewrite_raw_file(RunFile &file, const std::string &part_folder,
							 const ErasedPeople *erased)
{
	const std::string part = part_name(part_folder, file.file_id, "raw");
	remove_on_rollback(part);
	const std::array<const Identities *, 3> people = {
		&asked_, &erased_, erased == nullptr ? &erased_ : &erased->people};
	try
	{
		FileReader reader(file.absolute, Content::staged, UINT64_MAX);
		FileWriter writer(part, reader.compression());
		Document document;
		const RefusedRecord refused(definition_, catalog_.key_types(), &type_input_);
		uint64_t at = 1;
		pg::for_each_record(reader, max_rewritten_record, is_whole_json(file.path),
							[&](const RawRecord &raw)
							{
								ParseError error;
								const std::string line =
									document.parse(raw.text, error)
										? clean_request(document, refused, people)
										: clean_text(std::string(raw.text), people);
								for (; at < raw.line; ++at)
									writer.write("\n");
								writer.write(line + "\n");
								++at;
							});
		writer.close();
		file.treated_sha256 = pg::read_stored(part).sha256;
		file.treated_part = part;
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(),
						std::string("could not rewrite an erasure request's file: ") + e.what());
	}
}

} // namespace etl
