#include <algorithm>

#include "core/rewrite.h"
#include "erase/erase.h"
#include "run/claim.h"

namespace etl
{

ErasureRun::ErasureRun(const Catalog &catalog, const Definition &definition,
					   const std::string &secret, int64_t)
	: catalog_(catalog), definition_(definition), secret_(secret)
{
}

namespace
{

std::string
text_at(const Document &document, const Path &path)
{
	if (path.empty())
		return {};
	const Value value = find(document.root(), path);
	return value && (value.is(Kind::string) || value.is(Kind::number)) ? std::string(value.text())
																	   : std::string();
}

} // namespace

void
ErasureRun::resolve(Batch &batch)
{
	const ErasesDefinition &erases = *definition_.erases;
	// only an email: whose is it?
	std::vector<BatchRecord *> by_email;
	std::vector<std::string> emails;
	Document document;
	ParseError error;
	for (BatchRecord &r : batch.records)
	{
		if (!r.record->loadable || r.record->subject.data() != nullptr ||
			!document.parse(r.record->text, error))
			continue;
		const std::string email = fold_email(text_at(document, erases.email));
		if (!email.empty())
		{
			by_email.push_back(&r);
			emails.push_back(email);
		}
	}
	const Definition *people = catalog_.find(erases.dataset);
	if (!by_email.empty() && people != nullptr && people->subject &&
		!people->subject->email.empty() && people->key_column >= 0 && find_table(people->tables[0]))
	{
		const TableDefinition &table = people->tables[0];
		std::string column;
		for (const ColumnDefinition &c : table.columns)
			if (c.source == Source::field && c.path == people->subject->email)
				column = pg::quote(c.name);
		const std::string key =
			pg::quote(table.columns[static_cast<size_t>(people->key_column)].name);
		if (!column.empty())
		{
			const std::vector<std::string_view> views(emails.begin(), emails.end());
			const pg::Rows rows = pg::query(
				"SELECT e.i, min(t." + key +
					")::text FROM unnest($1::text[]) WITH ORDINALITY e(email, i) JOIN " +
					quoted(table) + " t ON lower(btrim(t." + column + ")) = e.email GROUP BY e.i",
				{pg::param_array(views)});
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				BatchRecord *r = by_email[static_cast<size_t>(rows.integer(i, 0) - 1)];
				r->record->subject = r->piece->arena.copy(rows.text(i, 1));
			}
		}
	}
	// asked for before: known by pseudonym
	std::vector<BatchRecord *> asked;
	std::vector<std::string> pseudonyms;
	std::map<std::string, bool> in_batch;
	const auto mark = [&](BatchRecord *r)
	{
		r->record->add({Code::duplicate, "key", definition_.key_field, "/x-etl/key", "23505",
						definition_.key_field + ": erasure of this person was asked for before"});
	};
	for (BatchRecord &r : batch.records)
	{
		if (!r.record->loadable || r.record->subject.data() == nullptr)
			continue;
		if (!in_batch.emplace(std::string(r.record->subject), true).second)
		{
			// the key check would not see a request by email and one by key as the same
			if (r.record->key.data() == nullptr)
				mark(&r);
			continue;
		}
		asked.push_back(&r);
		pseudonyms.push_back(
			subject_pseudonym(secret_, erases.dataset, "subject", r.record->subject));
	}
	if (asked.empty())
		return;
	const std::vector<std::string_view> views(pseudonyms.begin(), pseudonyms.end());
	const pg::Rows rows =
		pg::query("SELECT p.i FROM unnest($2::text[]) WITH ORDINALITY p(subject, i) WHERE EXISTS"
				  " (SELECT FROM etl.erasure e WHERE e.dataset = $1 AND e.subject = p.subject"
				  " AND e.status <> 'refused')",
				  {pg::param(erases.dataset), pg::param_array(views)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		mark(asked[static_cast<size_t>(rows.integer(i, 0) - 1)]);
}

std::string
ErasureRun::pseudonymized(std::string_view text, Document &document) const
{
	ParseError error;
	if (!document.parse(text, error))
		return {};
	const ErasesDefinition &erases = *definition_.erases;
	std::vector<Edit> edits;
	const auto edit = [&](const Path &path, const char *kind, bool fold)
	{
		if (path.empty())
			return;
		const Value value = find(document.root(), path);
		if (!value || (!value.is(Kind::string) && !value.is(Kind::number)))
			return;
		std::string identifier(value.text());
		if (fold)
			identifier = fold_email(identifier);
		std::string json;
		append_json_string(json, subject_pseudonym(secret_, erases.dataset, kind, identifier));
		edits.push_back({static_cast<size_t>(value.raw().data() - document.text().data()),
						 value.raw().size(), json});
	};
	edit(erases.subject, "subject", false);
	edit(erases.email, "email", true);
	return apply_edits(document.text(), std::move(edits));
}

void
ErasureRun::collect(Batch &batch, const std::vector<RunFile> &files)
{
	Document document;
	ParseError error;
	for (BatchRecord &r : batch.records)
	{
		const bool duplicate = r.record->loadable && !r.accepted;
		if (!r.accepted && !duplicate)
			continue; // cannot be read as a request: kept as it is until it is mended
		if (!document.parse(r.record->text, error))
			continue;
		ErasureRequest request;
		if (r.record->subject.data() != nullptr)
			request.subject = std::string(r.record->subject);
		request.email = fold_email(text_at(document, definition_.erases->email));
		request.source = r.record->file < files.size() ? files[r.record->file].path : "quarantine";
		request.duplicate = duplicate;
		requests_.push_back(std::move(request));
		const std::string clean = pseudonymized(r.record->text, document);
		r.record->output = r.piece->arena.copy(clean);
		r.record->text = r.record->output;
		r.record->subject = {};
		r.record->key = {};
	}
}

void
ErasureRun::execute()
{
	erase_subjects(catalog_, definition_.erases->dataset, secret_, requests_,
				   pg::Settings::current());
}

std::string
ErasureRun::rewritten_raw_file(const RunFile &file, const std::string &part_folder)
{
	const std::string part = part_name(part_folder, file.file_id, "raw");
	remove_on_rollback(part);
	try
	{
		FileReader reader(file.absolute, is_gzip(file.path), UINT64_MAX);
		FileWriter writer(part, is_gzip(file.path));
		Document document;
		RecordSplitter splitter(pg::Settings::current().max_record_size, is_whole_json(file.path),
								[&](const RawRecord &raw)
								{
									std::string line = pseudonymized(raw.text, document);
									if (line.empty())
										line = std::string(raw.text);
									writer.write(line + "\n");
								});
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
			splitter.feed({buffer.data(), got});
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
