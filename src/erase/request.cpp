// Requests of erasure that come in files: a dataset whose records ask for it.
#include <algorithm>

#include "core/file_rewriter.h"
#include "core/rewrite.h"
#include "erase/erase.h"
#include "run/claim.h"

namespace etl
{

ErasureRun::ErasureRun(const Catalog &catalog, const Definition &definition,
					   const std::string &secret, int64_t)
	: catalog_(catalog), definition_(definition), secret_(secret), asked_(secret)
{
	// before anybody is looked up: what another session is loading must be there
	lock_for_erasure(catalog);
}

namespace
{

/// A subject that is no key, and a request that names nobody after all.
void
check_identifiers(const ErasesDefinition &erases, const std::string &key_type,
				  const Document &document, StagedRecord &record)
{
	const Value subject = find(document.root(), erases.subject);
	if (subject && !subject.is(Kind::null) && record.subject.data() == nullptr)
		record.add({Code::type, key_type, erases.subject_field, "", "22P02",
					erases.subject_field + ": is no key of dataset " + erases.dataset});
	else if (record.subject.data() == nullptr &&
			 fold_email(text_at(document, erases.email)).empty())
		record.add({Code::type, "text", erases.email_field, "", "22P02",
					erases.email_field + ": names nobody"});
}

} // namespace

void
ErasureRun::resolve(Batch &batch)
{
	const ErasesDefinition &erases = *definition_.erases;
	const auto type = catalog_.key_types().find(erases.dataset);
	const std::string key_type = type == catalog_.key_types().end() ? "text" : type->second.sql;
	resolved_.clear();
	std::vector<ErasureRequest> requests;
	std::vector<BatchRecord *> records;
	Document document;
	for (BatchRecord &r : batch.records)
	{
		ParseError error;
		if (!r.record->loadable || !document.parse(r.record->text, error))
			continue;
		check_identifiers(erases, key_type, document, *r.record);
		if (r.record->violations != nullptr)
			continue;
		ErasureRequest request;
		if (r.record->subject.data() != nullptr)
			request.subject = std::string(r.record->subject);
		request.email = fold_email(text_at(document, erases.email));
		requests.push_back(std::move(request));
		records.push_back(&r);
	}
	const std::vector<size_t> origins =
		resolve_requests(catalog_, erases.dataset, secret_, requests, seen_);
	for (size_t i = 0; i < requests.size(); ++i)
		resolved_[records[origins[i]]->record].push_back(std::move(requests[i]));
	std::unordered_set<std::string_view> keys;
	for (BatchRecord *r : records)
	{
		// the key check tells of a key that comes twice
		if (r->record->key.data() != nullptr && !keys.insert(r->record->key).second)
			continue;
		// one that several people have asks for all of them: it is new when one of them is
		const std::vector<ErasureRequest> &asked = resolved_[r->record];
		if (std::all_of(asked.begin(), asked.end(),
						[](const ErasureRequest &request) { return request.duplicate; }))
			r->record->add(
				{Code::duplicate, "key", definition_.key_field, "/x-etl/key", "23505",
				 definition_.key_field + ": erasure of this person was asked for before"});
	}
}

void
ErasureRun::collect(Batch &batch, const std::vector<RunFile> &files)
{
	Document document;
	ParseError error;
	for (BatchRecord &r : batch.records)
	{
		const auto resolved = resolved_.find(r.record);
		if (resolved == resolved_.end())
			continue; // cannot be read as a request: kept as it is until it is mended
		if (!document.parse(r.record->text, error))
			continue;
		for (ErasureRequest &request : resolved->second)
		{
			request.source =
				r.record->file < files.size() ? files[r.record->file].path : "quarantine";
			request.duplicate = request.duplicate || !r.accepted;
			requests_.push_back(std::move(request));
		}
		const std::string clean = pseudonymized_request(*definition_.erases, secret_, document);
		r.record->output = r.piece->arena.copy(clean);
		r.record->text = r.record->output;
		r.record->subject = {};
		r.record->key = {};
	}
	resolved_.clear();
}

void
ErasureRun::execute()
{
	for (const ErasureRequest &request : requests_)
	{
		if (!request.subject.empty())
			asked_.add_subject(asked_.subject_hash(request.subject), 0);
		if (!request.email.empty())
			asked_.add_text_email(asked_.email_hash(request.email), 0);
	}
	erase_subjects(catalog_, definition_.erases->dataset, secret_, requests_,
				   pg::Settings::current());
}

std::string
ErasureRun::rewritten_raw_file(const RunFile &file, const std::string &part_folder)
{
	const std::string part = part_name(part_folder, file.file_id, "raw");
	remove_on_rollback(part);
	const RecordEraser eraser(definition_, catalog_.key_types(), asked_, secret_,
							  definition_.erases->dataset);
	try
	{
		FileReader reader(file.absolute, is_gzip(file.path), UINT64_MAX);
		FileWriter writer(part, is_gzip(file.path));
		Document document;
		uint64_t at = 1;
		RecordSplitter splitter(max_rewritten_record, is_whole_json(file.path),
								[&](const RawRecord &raw)
								{
									ParseError error;
									std::string line(raw.text);
									if (document.parse(raw.text, error))
										line = pseudonymized_request(*definition_.erases, secret_,
																	 document);
									else
										eraser.erase_malformed(raw.text, line);
									for (; at < raw.line; ++at)
										writer.write("\n");
									writer.write(line + "\n");
									++at;
								});
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
		{
			splitter.feed({buffer.data(), got});
			pg::check_for_interrupts();
		}
		splitter.finish();
		writer.close();
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(),
						std::string("could not rewrite an erasure request's file: ") + e.what());
	}
	return part;
}

} // namespace etl
