#include "erase/erase_exports.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "anonymize/exports.h"
#include "core/base/scoped_fd.h"
#include "core/base/utf8.h"
#include "core/files/beneath.h"
#include "core/files/file_error.h"
#include "core/files/file_identity.h"
#include "core/files/file_reader.h"
#include "core/files/file_writer.h"
#include "core/files/inside.h"
#include "core/files/whole_file.h"
#include "core/json/write.h"
#include "core/records/csv_record.h"
#include "core/types/column_type.h"
#include "pg/catalog_owner.h"
#include "pg/read_records.h"
#include "pg/spi.h"
#include "publish/plan.h"

extern "C"
{
#include "catalog/pg_type.h"
}

namespace etl
{

namespace
{

/// A CSV row as the JSON object that the JSON format would have. Columns of type json are copied as
/// JSON.
std::string
json_of(const std::vector<std::string> &names, const std::set<std::string> &json_columns,
		const CsvRecord &record)
{
	std::string json = "{";
	for (size_t i = 0; i < names.size() && i < record.fields.size(); ++i)
	{
		json += json.size() > 1 ? "," : "";
		append_json_string(json, names[i]);
		json += ":";
		if (!record.fields[i])
			json += "null";
		else if (json_columns.count(names[i]) > 0)
			json += *record.fields[i];
		else
			append_json_string(json, *record.fields[i]);
	}
	return json + "}";
}

/// The inverse of json_of().
std::string
csv_of(const std::vector<std::string> &names, const Document &document)
{
	std::string line;
	for (size_t i = 0; i < names.size(); ++i)
	{
		const Value value = document.root().member(names[i]);
		std::optional<std::string> field;
		if (value && !value.is(Kind::null))
			field = value.is(Kind::string) || value.is(Kind::number) ? std::string(value.text())
																	 : std::string(value.raw());
		line += i > 0 ? "," : "";
		append_csv_field(line, field);
	}
	return line + "\n";
}

/// Treats the rows of an exported CSV file, as the JSON objects that the JSON format would have.
class RowEraser
{
  public:
	/// Both must outlive this object. table: the one that was exported.
	RowEraser(const Erasure &erasure, const FileCopy &copy, const TableDefinition &table)
		: erasure_(erasure), place_(storable_text(copy.place)),
		  eraser_(*copy.reading, erasure.catalog.key_types(), erasure.people.identities(),
				  erasure.secret, erasure.dataset, RecordEraser::Options{true, true, nullptr}, {})
	{
		for (const ColumnDefinition &column : table.columns)
			if (column.type.id == TypeId::json || column.type.id == TypeId::jsonb)
				json_columns_.insert(column.name);
	}

	/// The line as it is to be written; "" for a row that is removed. The first record is the
	/// header. Counts the row in the outcome where it is about one of the people, and passes it on
	/// to the sink.
	std::string treat(const CsvRecord &record, RewriteOutcome &outcome)
	{
		std::string line(record.raw);
		if (names_.empty())
		{
			for (const auto &field : record.fields)
				names_.push_back(field.value_or(std::string()));
			return line;
		}
		const bool collects = erasure_.mode == Erasure::Mode::collect;
		const std::string json = json_of(names_, json_columns_, record);
		std::string out;
		const uint32_t person = collects ? eraser_.whose(json) : eraser_.erase(json, out);
		if (person == Identities::nobody)
			return line;
		++outcome.found[person];
		ParseError error;
		if (collects)
			erasure_.sink(place_, json);
		// a removed row leaves no blank line, because the lines of an export have no numbers
		else if (out == erased_text || !document_.parse(out, error))
			line.clear();
		else
			line = csv_of(names_, document_);
		return line;
	}

  private:
	const Erasure &erasure_;
	const std::string place_;
	ReadingEraser eraser_;
	std::set<std::string> json_columns_;
	std::vector<std::string> names_; ///< of the columns
	Document document_;
};

/// False with errno where the file cannot be opened; errno is ELOOP where a directory of the path
/// below `directory` is a link.
bool
is_reached_without_links(const std::string &path, const std::string &directory)
{
	const ScopedFd fd(beneath::open(path, O_RDONLY | O_NONBLOCK, 0, directory.size()));
	return fd.get() >= 0;
}

constexpr char latest_exports_sql[] = R"(
SELECT DISTINCT ON (path) export_id, path
  FROM etl.export
 ORDER BY path, export_id DESC)";

} // namespace

void
ExportEraser::find_all()
{
	if (erasure_.people.subjects().empty() && !erasure_.people.identities().has_emails() &&
		std::none_of(erasure_.requests.begin(), erasure_.requests.end(),
					 [](const ErasureRequest &request)
					 { return request.untreated && request.subject_hash != 0; }))
		return;
	// the last export to a place describes the file there, of any dataset and under any name of the
	// place
	const pg::Rows rows = pg::query(latest_exports_sql);
	const std::string processed_dir = pg::Settings::lasting().processed_dir;
	std::map<std::string, int64_t> last;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::string known = rows.text(i, 1);
		int64_t &id = last[place_key(known[0] == '/' ? known : processed_dir + "/" + known)];
		id = std::max(id, rows.integer(i, 0));
	}
	std::vector<int64_t> ids;
	for (const auto &[place, id] : last)
		ids.push_back(id);
	std::set<std::string> datasets(erasure_.readings.related().begin(),
								   erasure_.readings.related().end());
	for (const auto &[name, error] : erasure_.readings.unreadable())
		datasets.insert(name);
	for (const std::string &name : datasets)
		find_exports_of(name, ids, processed_dir);
}

constexpr char read_exports_sql[] = R"(
SELECT export_id, path, format, anonymized, exported_at
  FROM etl.export
 WHERE dataset = $1 AND export_id = ANY ($2)
 ORDER BY path)";

/// ids: rows of etl.export that describe an existing file.
void
ExportEraser::find_exports_of(const std::string &dataset, const std::vector<int64_t> &ids,
							  const std::string &processed_dir)
{
	const pg::Rows rows = pg::query(read_exports_sql, {pg::param(dataset), pg::param_array(ids)});
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const Reading *const reading = erasure_.readings.of_export(dataset, rows.integer(i, 4));
		const bool is_unreadable = erasure_.readings.unreadable().count(dataset) > 0;
		if (reading == nullptr && !is_unreadable)
			continue;
		// of treated rows, only the key is in the file, which also stays where rows are treated
		if (rows.boolean(i, 3) && reading != nullptr && !reading->removes)
			continue;
		std::string known = rows.text(i, 1);
		bool inside = known[0] != '/';
		std::string path = inside ? processed_dir + "/" + known : known;
		// the setting may have been, or be, another directory than when the file was written
		if (!inside || processed_dir != erasure_.settings.processed_dir)
		{
			const auto below = path_inside(path, erasure_.settings.processed_dir);
			if ((inside = below && !below->empty()))
				path = erasure_.settings.processed_dir + "/" + (known = *below);
		}
		FileIdentity identity;
		int error = identify(path, identity) ? 0 : errno;
		// a directory below etl.processed_dir that is a link leads to files of others
		if (inside && error == 0 &&
			!is_reached_without_links(path, erasure_.settings.processed_dir))
			error = errno;
		if (means_gone(error))
			continue; // removed since
		if (!inside)
		{
			erasure_.report.unreached.emplace_back(storable_text(path),
												   "an exported file outside etl.processed_dir");
			continue;
		}
		if (reading == nullptr)
		{
			erasure_.report.note_untreated(
				"exported/" + storable_text(known),
				"dataset \"" + dataset + "\" was dropped, and its last definition is not valid");
			continue;
		}
		FileCopy copy{
			reading, rows.integer(i, 0), path, "exported/" + storable_text(known), "exported", {},
			identity};
		if (error != 0)
		{
			copies_.cannot_treat(copy, system_error("could not open file", error));
			continue;
		}
		const auto pending = pending_sources({path});
		copy.task.source = pending.count(path) > 0 ? pending.at(path) : path;
		if (rows.text(i, 2) == "csv")
			rewrite_csv(copy, erasure_.readings.last(dataset)->tables[0]);
		else
			copies_.add(std::move(copy));
	}
}

/// Treats a CSV file, which CopyEraser cannot read.
void
ExportEraser::rewrite_csv(FileCopy &copy, const TableDefinition &table)
{
	RewriteOutcome outcome;
	if (erasure_.mode == Erasure::Mode::erase)
	{
		copy.task.part =
			part_name(part_folder(erasure_.settings, copy.dataset()), copy.file_id, copy.kind);
		remove_on_rollback(copy.task.part);
	}
	try
	{
		rewrite_rows(copy, table, outcome);
	}
	catch (const FileError &e)
	{
		outcome.fail(e);
	}
	copies_.finish(copy, outcome);
	if (!outcome.changed && !copy.task.part.empty())
		unlink(copy.task.part.c_str());
}

/// Reads the file, and writes its treated part where the copy has one.
void
ExportEraser::rewrite_rows(const FileCopy &copy, const TableDefinition &table,
						   RewriteOutcome &outcome)
{
	RowEraser eraser(erasure_, copy, table);
	FileReader reader(copy.task.source, Content::staged, UINT64_MAX);
	std::optional<FileWriter> writer;
	if (!copy.task.part.empty())
		writer.emplace(copy.task.part, reader.compression());
	CsvSplitter splitter(
		[&](const CsvRecord &record)
		{
			const std::string line = eraser.treat(record, outcome);
			outcome.changed = outcome.changed || line != record.raw;
			if (writer)
				writer->write(line);
		});
	for_each_chunk(reader,
				   [&](std::string_view chunk)
				   {
					   splitter.feed(chunk);
					   pg::check_for_interrupts();
					   return true;
				   });
	splitter.finish();
	outcome.sha256 = reader.sha256();
	outcome.size = copy.identity.size;
	if (writer)
	{
		writer->close();
		outcome.new_sha256 = pg::read_stored(copy.task.part).sha256;
	}
}

constexpr char note_hashes_of_exports_sql[] = R"(
UPDATE etl.export e
   SET sha256 = r.hash
  FROM unnest($1::bigint[], $2::bytea[]) r(id, hash)
 WHERE e.export_id = r.id)";

void
ExportEraser::note_rewritten()
{
	if (copies_.rewritten_exports().empty())
		return;
	std::vector<int64_t> ids;
	std::vector<std::string_view> hashes;
	for (const auto &[id, hash] : copies_.rewritten_exports())
	{
		ids.push_back(id);
		hashes.push_back(hash);
	}
	const AsCatalogOwner owner;
	pg::execute(note_hashes_of_exports_sql,
				{pg::param_array(ids), pg::param_array(BYTEAOID, hashes)});
}

} // namespace etl
