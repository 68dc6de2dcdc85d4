#include "erase/exports.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/column_path.h"
#include "core/csv_record.h"
#include "core/rewrite.h"
#include "core/staged_file.h"
#include "erase/eraser.h"
#include "erase/treat.h"
#include "run/actions.h"
#include "run/catalog_owner.h"
#include "run/claim.h"
#include "run/quarantine.h"

namespace etl
{

void
lock_exports(bool erases)
{
	pg::execute(erases
					? "SELECT pg_advisory_xact_lock(hashtextextended('pg_etl export', 0))"
					: "SELECT pg_advisory_xact_lock_shared(hashtextextended('pg_etl export', 0))");
}

void
note_export(const Definition &definition, const std::string &part, const std::string &path,
			const std::string &format, bool anonymized, int64_t rows)
{
	Sha256 hash;
	try
	{
		FileReader reader(part, false, UINT64_MAX);
		std::vector<char> buffer(256 * 1024);
		while (reader.read(buffer.data(), buffer.size()) > 0)
			pg::check_for_interrupts();
		hash = reader.sha256();
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(),
						std::string("could not read the file that was exported: ") + e.what());
	}
	char root[PATH_MAX];
	const std::string processed = pg::Settings::current().processed_dir;
	std::string known = path;
	if (!processed.empty() && realpath(processed.c_str(), root) != nullptr &&
		path.compare(0, strlen(root) + 1, std::string(root) + "/") == 0)
		known = path.substr(strlen(root) + 1);
	const AsCatalogOwner owner;
	pg::execute("INSERT INTO etl.export (dataset, path, sha256, format, anonymized, row_count)"
				" VALUES ($1, $2, $3, $4, $5, $6)",
				{pg::param(definition.dataset), pg::param(known),
				 pg::param_bytes({reinterpret_cast<const char *>(hash.data()), hash.size()}),
				 pg::param(format), pg::param(anonymized), pg::param(rows)});
}

Definition
export_definition(const Definition &definition)
{
	Definition exported;
	exported.dataset = definition.dataset;
	exported.subject = definition.subject;
	const TableDefinition &table = definition.tables[0];
	for (const ColumnDefinition &column : table.columns)
	{
		if (column.source != Source::field)
			continue;
		if (column.path == definition.subject->path)
		{
			exported.subject->path = {column.name};
			exported.subject->field = "/" + column.name;
		}
		const Path &email = definition.subject->email;
		const Holds held = email.empty() ? Holds::nothing : holds(column, column.path, email);
		if (held == Holds::field || held == Holds::inside)
		{
			exported.subject->email = {column.name};
			exported.subject->email.insert(
				exported.subject->email.end(),
				email.begin() + static_cast<ptrdiff_t>(column.path.size()), email.end());
		}
	}
	for (const PersonalColumn &column : personal_columns(definition, table))
	{
		const auto add = [&](const PersonalDefinition &field, const Path &inside)
		{
			exported.personal.push_back(field);
			PersonalDefinition &personal = exported.personal.back();
			personal.path = {column.column->name};
			personal.path.insert(personal.path.end(), inside.begin(), inside.end());
			personal.field = "/" + column.column->name;
			if (inside.empty())
				personal.type = column.column->type;
		};
		if (column.field != nullptr)
			add(*column.field, {});
		for (const PersonalColumn::Inside &inside : column.inside)
			add(*inside.field, inside.path);
	}
	return exported;
}

namespace
{

/// A CSV row as the JSON object that it is in the other format. Columns of json are JSON as they
/// stand.
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

/// And back.
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

} // namespace

/// Files that etl_export wrote of the people's rows: rewritten as the others where they lie in
/// etl.processed_dir, told where they do not.
void
Eraser::find_exports()
{
	if (texts_.empty() && !people_.has_emails())
		return;
	for (const auto &[name, definition] : catalog_.all())
	{
		if (!about(definition) || definition.tables.empty())
			continue;
		const bool removes = definition.subject->on_erasure == OnErasure::remove;
		// the last that was written under a name says what stands there
		const pg::Rows rows = pg::query(
			"SELECT DISTINCT ON (path) export_id, path, format, anonymized FROM etl.export"
			" WHERE dataset = $1 ORDER BY path, export_id DESC",
			{pg::param(name)});
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			// of treated rows only the key is left, which stays where rows are treated
			if (rows.boolean(i, 3) && !removes)
				continue;
			const std::string known = rows.text(i, 1);
			const bool inside = known[0] != '/';
			const std::string path = inside ? settings_.processed_dir + "/" + known : known;
			FileIdentity identity;
			if (!identify(path, identity))
				continue; // taken away since
			if (!inside)
			{
				report_.held.emplace_back(storable_text(path),
										  "an exported file outside etl.processed_dir");
				continue;
			}
			const auto [exported, is_new] = exports_.try_emplace(name);
			if (is_new)
				exported->second = std::make_unique<Definition>(export_definition(definition));
			Copy copy{exported->second.get(),
					  rows.integer(i, 0),
					  path,
					  "exported/" + storable_text(known),
					  "exported",
					  {},
					  identity};
			const auto pending = pending_sources({path});
			copy.task.source = pending.count(path) > 0 ? pending.at(path) : path;
			if (rows.text(i, 2) == "csv")
				rewrite_csv(copy, definition.tables[0]);
			else
				add_copy(std::move(copy));
		}
	}
}

void
Eraser::rewrite_csv(Copy &copy, const TableDefinition &table)
{
	RewriteOutcome outcome;
	if (mode_ == Mode::erase)
	{
		copy.task.part =
			part_name(part_folder(settings_, copy.definition->dataset), copy.file_id, copy.kind);
		remove_on_rollback(copy.task.part);
	}
	std::set<std::string> json_columns;
	for (const ColumnDefinition &column : table.columns)
		if (column.type.id == TypeId::json || column.type.id == TypeId::jsonb)
			json_columns.insert(column.name);
	RecordEraser eraser(*copy.definition, catalog_.key_types(), people_, secret_, dataset_);
	std::vector<std::string> names;
	Document document;
	ParseError parse_error;
	try
	{
		FileReader reader(copy.task.source, is_gzip(copy.path), UINT64_MAX);
		std::optional<FileWriter> writer;
		if (!copy.task.part.empty())
			writer.emplace(copy.task.part, is_gzip(copy.path));
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
					const uint32_t person =
						mode_ == Mode::collect ? eraser.whose(json) : eraser.erase(json, out);
					if (person != Identities::nobody)
					{
						++outcome.found[person];
						if (mode_ == Mode::collect)
							outcome.texts.push_back(json);
						// a row that goes leaves nothing: lines of an export have no numbers
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
		std::vector<char> buffer(256 * 1024);
		while (const size_t got = reader.read(buffer.data(), buffer.size()))
		{
			splitter.feed({buffer.data(), got});
			pg::check_for_interrupts();
		}
		splitter.finish();
		outcome.sha256 = reader.sha256();
		outcome.size = copy.identity.size;
		if (writer)
		{
			writer->close();
			FileReader written(copy.task.part, false, UINT64_MAX);
			while (written.read(buffer.data(), buffer.size()) > 0)
				pg::check_for_interrupts();
			outcome.new_sha256 = written.sha256();
		}
	}
	catch (const FileError &e)
	{
		outcome.error = e.what();
		outcome.sqlstate = e.sqlstate();
	}
	finish_copy(copy, outcome);
	for (auto &[dataset, actions] : actions_)
		plan_actions(dataset, std::move(actions)); // which know the part
	actions_.clear();
	if (!outcome.changed && !copy.task.part.empty())
		unlink(copy.task.part.c_str());
}

} // namespace etl
