// Exported files in an erasure. The people's rows that etl_export wrote are treated where the file
// is below etl.processed_dir, and the file is reported where it is elsewhere. anonymize/exports.cpp
// describes exports and how they are noted.
#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>

#include "anonymize/exports.h"
#include "anonymize/treated_columns.h"
#include "core/base/hash.h"
#include "core/base/scoped_fd.h"
#include "core/base/utf8.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
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
#include "erase/eraser.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/catalog_owner.h"
#include "pg/read_records.h"
#include "pg/spi.h"
#include "publish/plan.h"

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

/// Finds the files that etl_export wrote of the people's rows. Files below etl.processed_dir are
/// rewritten like the others, files elsewhere are reported.
void
Eraser::find_exports()
{
	if (people_.subjects().empty() && !people_.identities().has_emails() &&
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
Eraser::find_exports_of(const std::string &dataset, const std::vector<int64_t> &ids,
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
		Copy copy{
			reading, rows.integer(i, 0), path, "exported/" + storable_text(known), "exported", {},
			identity};
		if (error != 0)
		{
			cannot_treat(copy, system_error("could not open file", error));
			continue;
		}
		const auto pending = pending_sources({path});
		copy.task.source = pending.count(path) > 0 ? pending.at(path) : path;
		if (rows.text(i, 2) == "csv")
			rewrite_csv(copy, erasure_.readings.last(dataset)->tables[0]);
		else
			add_copy(std::move(copy));
	}
}

void
Eraser::rewrite_csv(Copy &copy, const TableDefinition &table)
{
	RewriteOutcome outcome;
	if (erasure_.mode == Erasure::Mode::erase)
	{
		copy.task.part =
			part_name(part_folder(erasure_.settings, copy.dataset()), copy.file_id, copy.kind);
		remove_on_rollback(copy.task.part);
	}
	std::set<std::string> json_columns;
	for (const ColumnDefinition &column : table.columns)
		if (column.type.id == TypeId::json || column.type.id == TypeId::jsonb)
			json_columns.insert(column.name);
	ReadingEraser eraser(*copy.reading, erasure_.catalog.key_types(), people_.identities(),
						 erasure_.secret, erasure_.dataset,
						 RecordEraser::Options{true, true, nullptr}, {});
	std::vector<std::string> names;
	Document document;
	ParseError parse_error;
	try
	{
		FileReader reader(copy.task.source, Content::staged, UINT64_MAX);
		std::optional<FileWriter> writer;
		if (!copy.task.part.empty())
			writer.emplace(copy.task.part, reader.compression());
		CsvSplitter splitter(
			[&](const CsvRecord &record)
			{
				std::string line(record.raw);
				if (names.empty())
					for (const auto &field : record.fields)
						names.push_back(field.value_or(std::string()));
				else
				{
					const std::string json = json_of(names, json_columns, record);
					std::string out;
					const uint32_t person = erasure_.mode == Erasure::Mode::collect
												? eraser.whose(json)
												: eraser.erase(json, out);
					if (person != Identities::nobody)
					{
						++outcome.found[person];
						if (erasure_.mode == Erasure::Mode::collect)
							erasure_.sink(storable_text(copy.place), json);
						// a removed row leaves no blank line, because the lines of an export have
						// no numbers
						else if (out == erased_text || !document.parse(out, parse_error))
							line.clear();
						else
							line = csv_of(names, document);
					}
				}
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
	catch (const FileError &e)
	{
		outcome.fail(e);
	}
	finish_copy(copy, outcome);
	for (auto &[dataset, actions] : actions_)
		plan_actions(dataset, std::move(actions)); // the actions refer to the part
	actions_.clear();
	if (!outcome.changed && !copy.task.part.empty())
		unlink(copy.task.part.c_str());
}

} // namespace etl
