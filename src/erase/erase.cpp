#include "erase/erase.h"

#include <algorithm>
#include <unordered_map>

#include <unistd.h>

#include "core/rewrite.h"
#include "erase/hold.h"
#include "erase/purge.h"
#include "erase/record.h"
#include "erase/treat.h"
#include "run/claim.h"
#include "run/quarantine.h"

namespace etl
{

namespace
{

/// "column = expression, …" for the treated columns; s.token is the subject's token.
std::string
assignments(const std::vector<PersonalColumn> &columns)
{
	std::string list;
	for (const PersonalColumn &c : columns)
		list += (list.empty() ? "" : ", ") + pg::quote(c.column->name) + " = " +
				treated_expression(c, "t", "s.token");
	return list;
}

class Eraser
{
  public:
	Eraser(const Catalog &catalog, const std::string &dataset, const std::string &secret,
		   const pg::Settings &settings)
		: catalog_(catalog), dataset_(dataset), secret_(secret), settings_(settings),
		  hash_key_(subject_hash_key(secret))
	{
	}

	void run(std::vector<ErasureRequest> &requests)
	{
		for (ErasureRequest &request : requests)
			if (!request.duplicate && !request.held && !request.subject.empty())
			{
				by_subject_.emplace(request.subject, &request);
				texts_.push_back(request.subject);
				tokens_.push_back(subject_token(secret_, dataset_, request.subject));
			}
		if (texts_.empty())
			return;
		for (size_t i = 0; i < texts_.size(); ++i)
			token_of_[texts_[i]] = tokens_[i];
		for (const auto &[name, definition] : catalog_.all())
			if (definition.subject && definition.subject->dataset == dataset_)
			{
				erase_tables(definition);
				erase_quarantine(definition);
				erase_files(definition);
			}
		erase_malformed(requests);
	}

  private:
	/// Notes rows that were treated: columns subject (text) and count (bigint).
	void count(const pg::Rows &rows)
	{
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const auto found = by_subject_.find(rows.text(i, 0));
			if (found != by_subject_.end())
				found->second->row_count += rows.integer(i, 1);
		}
	}

	pg::Param texts() const
	{
		return pg::param_array(std::vector<std::string_view>(texts_.begin(), texts_.end()));
	}
	pg::Param tokens() const
	{
		return pg::param_array(std::vector<std::string_view>(tokens_.begin(), tokens_.end()));
	}

	void erase_tables(const Definition &definition)
	{
		if (definition.tables.empty())
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
		const std::string people = " FROM unnest($1::text[], $2::text[]) s(subject, token)";
		for (const TableDefinition &table : definition.tables)
		{
			if (!find_table(table))
				continue;
			const std::string set = assignments(personal_columns(definition, table));
			const std::string match =
				"." + pg::quote(subject->name) + " = s.subject::" + subject->type.sql;
			std::string sql;
			if (!table.is_child)
			{
				sql = set.empty() ? "SELECT s.subject, t." + pg::quote(subject->name) + people +
										" JOIN " + quoted(table) + " t ON t" + match
								  : "UPDATE " + quoted(table) + " t SET " + set + people +
										" WHERE t" + match + " RETURNING s.subject";
			}
			else
			{
				const ColumnDefinition *parent = nullptr;
				for (const ColumnDefinition &column : table.columns)
					if (key != nullptr && column.source == Source::field &&
						column.path == key->path)
						parent = &column;
				if (parent == nullptr || set.empty())
					continue;
				sql = "UPDATE " + quoted(table) + " t SET " + set + people + " JOIN " +
					  quoted(first) + " p ON p" + match + " WHERE t." + pg::quote(parent->name) +
					  " = p." + pg::quote(key->name) + " RETURNING s.subject";
			}
			count(pg::query("WITH treated AS (" + sql +
								") SELECT subject, count(*) FROM treated GROUP BY subject",
							{texts(), tokens()}));
		}
	}

	void erase_quarantine(const Definition &definition)
	{
		const pg::Rows rows = pg::query(
			"SELECT quarantine_id, record, subject FROM etl.quarantine"
			" WHERE dataset = $1 AND subject = ANY ($2) AND record IS NOT NULL FOR UPDATE",
			{pg::param(definition.dataset), texts()});
		std::vector<int64_t> ids;
		std::vector<std::string> treated;
		Document document;
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const std::string subject = rows.text(i, 2);
			std::string text =
				anonymized_text(definition, document, rows.text(i, 1), token_of_[subject]);
			if (text.empty())
				text = "[erased]";
			ids.push_back(rows.integer(i, 0));
			treated.push_back(std::move(text));
			++by_subject_[subject]->row_count;
		}
		set_erased(ids, treated);
	}

	/// A record that is no JSON has no fields: one that holds an identifier as text goes as a
	/// whole.
	void erase_malformed(const std::vector<ErasureRequest> &requests)
	{
		std::vector<std::string_view> needles;
		for (const ErasureRequest &request : requests)
			if (!request.duplicate && !request.held)
				for (const std::string *needle : {&request.subject, &request.email})
					if (needle->size() >= 4)
						needles.push_back(*needle);
		if (needles.empty())
			return;
		const pg::Rows rows = pg::query("SELECT quarantine_id FROM etl.quarantine q WHERE code = "
										"'malformed' AND status = 'open'"
										" AND EXISTS (SELECT FROM unnest($1::text[]) n(needle) "
										"WHERE strpos(lower(q.record), n.needle) > 0)",
										{pg::param_array(needles)});
		std::vector<int64_t> ids;
		for (uint64_t i = 0; i < rows.size(); ++i)
			ids.push_back(rows.integer(i, 0));
		set_erased(ids, std::vector<std::string>(ids.size(), "[erased]"));
	}

	static void set_erased(const std::vector<int64_t> &ids, const std::vector<std::string> &records)
	{
		if (ids.empty())
			return;
		pg::execute("UPDATE etl.quarantine q SET record = r.record, record_bytes = NULL,"
					" status = 'erased' FROM unnest($1::bigint[], $2::text[]) r(id, record)"
					" WHERE q.quarantine_id = r.id",
					{pg::param_array(ids), pg::param_array(std::vector<std::string_view>(
											   records.begin(), records.end()))});
	}

	/// Processed and archived files that hold the subjects, found by the hashes in etl.file.
	void erase_files(const Definition &definition)
	{
		std::vector<uint64_t> hashes;
		for (const std::string &subject : texts_)
			hashes.push_back(siphash(hash_key_, subject));
		std::sort(hashes.begin(), hashes.end());
		const pg::Rows rows = pg::query(
			"SELECT file_id, coalesce(processed_path, ''), coalesce(archived_path, ''), subjects"
			" FROM etl.file WHERE dataset = $1 AND subjects IS NOT NULL ORDER BY file_id",
			{pg::param(definition.dataset)});
		std::vector<FileAction> actions;
		const std::string folder = part_folder(settings_, definition.dataset);
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const std::string held = rows.bytes(i, 3);
			const uint64_t *first = reinterpret_cast<const uint64_t *>(held.data());
			const uint64_t *last = first + held.size() / sizeof(uint64_t);
			if (std::none_of(hashes.begin(), hashes.end(),
							 [&](uint64_t h) { return std::binary_search(first, last, h); }))
				continue;
			pg::check_for_interrupts();
			const int64_t file_id = rows.integer(i, 0);
			const struct
			{
				std::string root, path;
				const char *kind;
			} copies[] = {{settings_.processed_dir, rows.text(i, 1), "processed"},
						  {settings_.archive_dir, rows.text(i, 2), "archived"}};
			for (const auto &copy : copies)
				if (!copy.path.empty())
					rewrite(definition, copy.root + "/" + copy.path,
							part_name(folder, file_id, copy.kind), file_id, actions);
		}
		plan_actions(definition.dataset, std::move(actions));
	}

	void rewrite(const Definition &definition, const std::string &path, const std::string &part,
				 int64_t file_id, std::vector<FileAction> &actions)
	{
		// a file of this very transaction still has another name
		const std::string source = pending_source(path);
		FileIdentity identity;
		if (!identify(source, identity))
			return; // moved away by the site
		remove_on_rollback(part);
		bool changed = false;
		const bool gzip = is_gzip(path);
		try
		{
			FileReader reader(source, gzip, UINT64_MAX);
			FileWriter writer(part, gzip);
			Document document;
			RecordSplitter splitter(
				settings_.max_record_size, is_whole_json(path),
				[&](const RawRecord &raw)
				{
					std::string line(raw.text);
					const std::string subject = subject_of(definition, document, raw.text);
					const auto token = token_of_.find(subject);
					if (token != token_of_.end())
					{
						line = anonymized_text(definition, document, raw.text, token->second);
						changed = true;
					}
					line += '\n';
					writer.write(line);
				});
			std::vector<char> buffer(1 << 20);
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
							std::string("could not rewrite a file for an erasure: ") + e.what(),
							"File \"" + storable_text(path) + "\".");
		}
		if (!changed)
		{
			unlink(part.c_str());
			return;
		}
		FileAction publish;
		publish.file_id = file_id;
		publish.from = part;
		publish.to = path;
		actions.push_back(std::move(publish));
	}

	/// Canonical key of the person that a record is about, "" when there is none.
	std::string subject_of(const Definition &definition, Document &document, std::string_view text)
	{
		ParseError error;
		if (!document.parse(text, error))
			return {};
		const Value value = find(document.root(), definition.subject->path);
		if (!value || (!value.is(Kind::string) && !value.is(Kind::number)))
			return {};
		static const ColumnType as_text;
		const auto type = catalog_.key_types().find(dataset_);
		const ColumnType &key = type == catalog_.key_types().end() ? as_text : type->second;
		std::string encoded;
		TypeError type_error;
		return encode(key, value, encoded, type_error) ? canonical_text(key, encoded)
													   : std::string();
	}

	const Catalog &catalog_;
	const std::string &dataset_;
	const std::string &secret_;
	const pg::Settings &settings_;
	const std::array<uint8_t, 16> hash_key_;
	std::vector<std::string> texts_, tokens_;
	std::unordered_map<std::string, std::string> token_of_;
	std::unordered_map<std::string, ErasureRequest *> by_subject_;
};

} // namespace

std::string
anonymized_text(const Definition &definition, Document &document, std::string_view text,
				std::string_view token)
{
	ParseError error;
	if (!document.parse(text, error))
		return {};
	return anonymize(document, definition.personal, {treatment_secret(definition), token});
}

void
erase_subjects(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests, const pg::Settings &settings)
{
	if (requests.empty())
		return;
	const pg::WithoutValues without_values;
	mark_held(dataset, secret, requests);
	Eraser(catalog, dataset, secret, settings).run(requests);
	if (std::any_of(requests.begin(), requests.end(),
					[](const ErasureRequest &r) { return r.row_count > 0; }))
		note_purge(purge_scope(dataset));
	record_erasures(dataset, secret, requests);
}

} // namespace etl
