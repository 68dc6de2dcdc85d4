#include "anonymize/exports.h"

#include "anonymize/treated_columns.h"
#include "core/base/sqlstate.h"
#include "core/base/utf8.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "core/files/file_error.h"
#include "core/files/file_writer.h"
#include "core/files/inside.h"
#include "core/files/whole_file.h"
#include "load/claim.h"
#include "load/quarantine.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/named_lock.h"
#include "pg/read_records.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "publish/plan.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

constexpr char current_snapshot_sql[] = R"(SELECT pg_current_snapshot()::text)";

constexpr char any_erasure_since_sql[] = R"(
SELECT FROM etl.erasure
 WHERE NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)
   AND pg_visible_in_snapshot(xid, pg_current_snapshot())
 LIMIT 1)";

void
lock_exports(bool erases)
{
	(void)pg::lock_name("pg_etl export", erases ? pg::LockKind::exclusive : pg::LockKind::shared,
						true);
	if (erases || !pg::call([] { return bool(IsolationUsesXactSnapshot()); }))
		return;
	const std::string seen = pg::query(current_snapshot_sql).text(0, 0);
	const AsCatalogOwner owner;
	// after a restore from a dump, the transaction ids are those of another server
	if (!pg::query_now(any_erasure_since_sql, {pg::param(seen)}).empty())
		throw pg::Error(sqlstate::serialization_failure,
						"cannot export rows as they were before an erasure",
						"The transaction began before an erasure that has committed since, and "
						"would write whom it erased.",
						"Try the transaction again.");
}

constexpr char insert_export_sql[] = R"(
INSERT INTO etl.export (dataset, path, sha256, format, anonymized, row_count)
VALUES ($1, $2, $3, $4, $5, $6))";

void
note_export(const Definition &definition, ExportIntent &intent, const std::string &part,
			const std::string &path, const std::string &format, bool anonymized, int64_t rows)
{
	StoredFile file;
	try
	{
		file = pg::read_stored(part);
	}
	catch (const FileError &e)
	{
		throw pg::Error(e.sqlstate(),
						std::string("could not read the file that was exported: ") + e.what());
	}
	const std::string known =
		path_inside(path, pg::Settings::lasting().processed_dir).value_or(path);
	intent.complete(known, file.sha256, file.identity);
	const AsCatalogOwner owner;
	pg::execute(
		insert_export_sql,
		{pg::param(definition.dataset), pg::param(known),
		 pg::param_bytes({reinterpret_cast<const char *>(file.sha256.data()), file.sha256.size()}),
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
	const std::vector<PersonalColumn> personal = personal_columns(definition, table);
	for (const PersonalColumn &column : personal)
	{
		const auto add = [&](const PersonalDefinition &field, const Path &inside)
		{
			exported.personal.push_back(field);
			PersonalDefinition &exported_field = exported.personal.back();
			exported_field.path = {column.column->name};
			exported_field.path.insert(exported_field.path.end(), inside.begin(), inside.end());
			exported_field.field = "/" + column.column->name;
			if (inside.empty())
				exported_field.type = column.column->type;
		};
		if (column.field != nullptr)
			add(*column.field, {});
		for (const PersonalColumn::Inside &inside : column.inside)
			add(*inside.field, inside.path);
	}
	// a generated column is computed again in the table, but not in the exported file
	if (const Oid relation = find_table(table))
		for (const GeneratedColumn &column : generated_from(personal, relation))
		{
			if (exported.personal.back().path == Path{column.name})
				continue; // computed from several personal columns
			PersonalDefinition field;
			field.path = {column.name};
			field.field = "/" + column.name;
			field.treatment = Treatment::null;
			exported.personal.push_back(std::move(field));
		}
	return exported;
}

} // namespace etl
