#include "erase/find_people.h"

#include "anonymize/person_match.h"
#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "catalog/subject_index.h"
#include "core/base/utf8.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/file_move.h"
#include "core/files/file_reader.h"
#include "core/privacy/email.h"
#include "core/privacy/person_key.h"
#include "core/privacy/pseudonym.h"
#include "core/records/file_name.h"
#include "core/records/for_each_record.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"
#include "pg/limits.h"
#include "pg/spi.h"

#include <algorithm>

#include "core/privacy/identities.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/settings.h"
#include "pg/table_statement.h"

namespace etl
{

namespace
{

/// Calls visit with the canonical key and the hash of each person in a file whose hash is among
/// `hashes`. Stops, and sets `more` to false, when visit returns false.
template <typename Visit>
void
search_file(const Catalog &catalog, const Definition &definition, const std::string &path,
			const std::vector<int64_t> &hashes, const Identities &identities,
			size_t max_record_size, bool &more, Visit &&visit)
{
	FileIdentity identity;
	if (!identify(path, identity) && means_gone(errno))
		return; // an administrator has moved it away
	Document document;
	try
	{
		FileReader reader(path, Content::staged, UINT64_MAX);
		for_each_record(
			reader, max_record_size, is_whole_json(path),
			[&](const RawRecord &raw)
			{
				ParseError error;
				if (!more || !document.parse(raw.text, error))
					return;
				const std::string subject = canonical_key_of(catalog, definition, document);
				if (subject.empty())
					return;
				const int64_t hash = static_cast<int64_t>(identities.subject_hash(subject));
				if (std::binary_search(hashes.begin(), hashes.end(), hash))
					more = visit(subject, hash);
			},
			[&]
			{
				pg::check_for_interrupts();
				return more;
			});
	}
	catch (const FileError &error)
	{
		// the file may be the only place that names a person, whose erasure would then say "not
		// found"
		throw pg::Error(error.sqlstate(),
						std::string("could not read a file to find people: ") + error.what(),
						"File \"" + storable_text(path) + "\". Nothing was erased.",
						"Mend it, or move it out of the directory and erase it by hand.");
	}
}

constexpr char read_paths_of_files_sql[] = R"(
SELECT coalesce(processed_path, ''), coalesce(archived_path, '')
  FROM etl.file
 WHERE file_id = ANY ($1)
 ORDER BY file_id)";

/// Calls search_file() for the processed and archived files of a dataset.
template <typename Visit>
void
for_people_in_files(const Catalog &catalog, const Definition &definition, const std::string &secret,
					std::vector<int64_t> hashes, Visit &&visit)
{
	if (hashes.empty())
		return;
	std::sort(hashes.begin(), hashes.end());
	const pg::Settings settings = pg::Settings::current();
	const Identities identities(secret);
	const pg::Rows rows = pg::query(
		read_paths_of_files_sql, {pg::param_array(files_of_subjects(definition.dataset, hashes))});
	bool more = true;
	for (uint64_t i = 0; i < rows.size() && more; ++i)
		for (const std::string &path :
			 {rows.text(i, 0).empty() ? "" : settings.processed_dir + "/" + rows.text(i, 0),
			  rows.text(i, 1).empty() ? "" : settings.archive_dir + "/" + rows.text(i, 1)})
			if (!path.empty() && more)
				search_file(catalog, definition, path, hashes, identities, settings.max_record_size,
							more, visit);
}

constexpr char read_long_records_sql[] = R"(
SELECT record
  FROM etl.quarantine
 WHERE dataset = $1 AND subject IS NULL AND octet_length(record) > $2)";

class Search
{
  public:
	Search(const Catalog &catalog, const std::string &dataset, const std::string &secret,
		   const Wanted &wanted)
		: catalog_(catalog), dataset_(dataset), secret_(secret), wanted_(wanted)
	{
	}

	Found run()
	{
		for (const auto &[name, definition] : catalog_.all())
			if (definition.subject && definition.subject->dataset == dataset_)
			{
				search_table(definition);
				search_quarantine(definition);
			}
		if (!wanted_.emails.empty())
			search_emails();
		for (const auto &[name, definition] : catalog_.all())
			if (definition.subject && definition.subject->dataset == dataset_)
				search_files(definition);
		return std::move(found_);
	}

  private:
	bool complete() const { return found_.subjects.size() == wanted_.subjects.size(); }

	void consider(const std::string &subject)
	{
		const std::string pseudonym = subject_pseudonym(secret_, dataset_, "subject", subject);
		if (wanted_.subjects.count(pseudonym) > 0)
			found_.subjects.emplace(pseudonym, subject);
	}

	/// Considers the subjects that a query returns in its first column.
	void search_query(const std::string &sql, std::initializer_list<pg::Param> params = {})
	{
		if (complete())
			return;
		pg::Cursor cursor(sql, params);
		search_rows(cursor);
	}
	template <typename AnyCursor>
	void search_rows(AnyCursor &cursor)
	{
		for (;;)
		{
			const pg::MemoryScope memory;
			const pg::Rows rows = cursor.fetch(limits::compared_people);
			for (uint64_t i = 0; i < rows.size(); ++i)
				consider(rows.text(i, 0));
			if (rows.empty() || complete())
				return;
			pg::check_for_interrupts();
		}
	}

	void search_table(const Definition &definition)
	{
		if (complete() || definition.tables.empty() || !find_table(definition.tables[0]))
			return;
		const TableDefinition &table = definition.tables[0];
		for (const ColumnDefinition &column : table.columns)
			if (column.source == Source::field && column.path == definition.subject->path)
			{
				// the expression converts the column's value to a key as the people's dataset
				// writes it
				pg::TableCursor cursor("SELECT DISTINCT p.key FROM " + quoted(table) +
									   " t, LATERAL (SELECT " +
									   person_expression(catalog_, definition, column, "t") +
									   ") p(key) WHERE p.key IS NOT NULL");
				search_rows(cursor);
			}
	}

	void search_quarantine(const Definition &definition)
	{
		search_query("SELECT DISTINCT subject FROM etl.quarantine"
					 " WHERE dataset = $1 AND subject IS NOT NULL",
					 {pg::param(definition.dataset)});
		if (complete())
			return;
		// a key that is too long for the index is in the record only
		pg::Cursor cursor(read_long_records_sql,
						  {pg::param(definition.dataset),
						   pg::param(static_cast<int64_t>(limits::indexed_key_bytes))});
		Document document;
		for (;;)
		{
			const pg::MemoryScope memory;
			const pg::Rows rows = cursor.fetch(limits::fetched_records);
			for (uint64_t i = 0; i < rows.size(); ++i)
			{
				ParseError error;
				const std::string record = rows.text(i, 0);
				if (!document.parse(record, error))
					continue;
				const std::string subject = canonical_key_of(catalog_, definition, document);
				if (!subject.empty())
					consider(subject);
			}
			if (rows.empty() || complete())
				return;
			pg::check_for_interrupts();
		}
	}

	void search_emails()
	{
		const Definition *people = catalog_.find(dataset_);
		if (people == nullptr || !people->subject || people->subject->email.empty() ||
			people->key_column() == nullptr || !find_table(people->tables[0]))
			return;
		const TableDefinition &table = people->tables[0];
		for (const std::string &email : field_expressions(table, people->subject->email, "t"))
		{
			pg::TableCursor cursor("SELECT t." + pg::quote(people->key_column()->name) +
								   "::text, " + email + " FROM " + quoted(table) + " t WHERE " +
								   email + " IS NOT NULL");
			for (;;)
			{
				const pg::MemoryScope memory;
				const pg::Rows rows = cursor.fetch(limits::compared_people);
				for (uint64_t i = 0; i < rows.size(); ++i)
				{
					const std::string pseudonym =
						subject_pseudonym(secret_, dataset_, "email", fold_email(rows.text(i, 1)));
					if (wanted_.emails.count(pseudonym) > 0)
						found_.emails.emplace(pseudonym, rows.text(i, 0));
				}
				if (rows.empty())
					return;
				pg::check_for_interrupts();
			}
		}
	}

	void search_files(const Definition &definition)
	{
		std::vector<int64_t> hashes;
		for (const auto &[pseudonym, hash] : wanted_.file_hashes)
			if (found_.subjects.count(pseudonym) == 0)
				hashes.push_back(static_cast<int64_t>(hash));
		for_people_in_files(catalog_, definition, secret_, hashes,
							[&](const std::string &subject, int64_t)
							{
								consider(subject);
								return !complete();
							});
	}

	const Catalog &catalog_;
	const std::string &dataset_, &secret_;
	const Wanted &wanted_;
	Found found_;
};

} // namespace

std::string
canonical_key_of(const Catalog &catalog, const Definition &definition, const Document &document)
{
	const ColumnDefinition *column = definition.subject_column();
	return canonical_person_key(catalog.key_type(definition.subject->dataset),
								column == nullptr ? nullptr : &column->type,
								find(document.root(), definition.subject->path));
}

std::unordered_map<int64_t, std::string>
keys_of_hashes(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			   std::vector<int64_t> hashes)
{
	std::unordered_map<int64_t, std::string> keys;
	const Definition *people = catalog.find(dataset);
	if (hashes.empty() || people == nullptr || !people->subject)
		return keys;
	std::sort(hashes.begin(), hashes.end());
	hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
	const Identities identities(secret);
	const auto consider = [&](std::string key)
	{
		const int64_t hash = static_cast<int64_t>(identities.subject_hash(key));
		if (std::binary_search(hashes.begin(), hashes.end(), hash))
			keys.emplace(hash, std::move(key));
	};
	if (people->key_column() != nullptr && find_table(people->tables[0]))
	{
		const std::string key = pg::quote(people->key_column()->name);
		pg::TableCursor cursor("SELECT " + key + "::text FROM " + quoted(people->tables[0]) +
							   " WHERE " + key + " IS NOT NULL");
		while (keys.size() < hashes.size())
		{
			const pg::MemoryScope memory;
			const pg::Rows rows = cursor.fetch(limits::compared_people);
			for (uint64_t i = 0; i < rows.size(); ++i)
				consider(rows.text(i, 0));
			if (rows.empty())
				break;
			pg::check_for_interrupts();
		}
	}
	// a person whose rows are gone may still be in files
	std::erase_if(hashes, [&](int64_t hash) { return keys.count(hash) > 0; });
	const size_t all = keys.size() + hashes.size();
	for_people_in_files(catalog, *people, secret, hashes,
						[&](const std::string &subject, int64_t hash)
						{
							keys.emplace(hash, subject);
							return keys.size() < all;
						});
	return keys;
}

Found
find_people(const Catalog &catalog, const std::string &dataset, const std::string &secret,
			const Wanted &wanted)
{
	return Search(catalog, dataset, secret, wanted).run();
}

} // namespace etl
