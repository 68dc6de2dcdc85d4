#include "catalog/indexed_as.h"

#include "core/types/column_type.h"
#include "pg/catalog_owner.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

/// A key has the same text in all integer types.
std::string
spelling_of(const ColumnType &type)
{
	return type.id == TypeId::smallint || type.id == TypeId::bigint ? "integer" : type.sql;
}

const std::string &
people_of(const Definition &definition)
{
	return definition.subject ? definition.subject->dataset : definition.erases->dataset;
}

} // namespace

std::string
indexed_as(const Catalog &catalog, const Definition &definition)
{
	if (!definition.subject && !definition.erases)
		return {};
	const auto type = catalog.key_types().find(people_of(definition));
	std::string text =
		people_of(definition) + " " +
		(definition.subject ? definition.subject->field : definition.erases->subject_field) + " " +
		(type == catalog.key_types().end() ? "text" : spelling_of(type->second));
	if (!definition.subject)
		return text;
	if (!definition.tables.empty())
		for (const ColumnDefinition &column : definition.tables[0].columns)
			if (column.source == Source::field && column.path == definition.subject->path)
				text += " " + spelling_of(column.type);
	if (definition.on_repeat == OnRepeat::update && !definition.subject->email.empty())
		text += " " + definition.subject->email_field;
	return text;
}

constexpr char is_all_indexed_as_sql[] = R"(
SELECT EXISTS (SELECT FROM etl.subject_index WHERE dataset = $1 AND indexed_as = $2))";

bool
all_indexed(const Catalog &catalog, const Definition &definition)
{
	const AsCatalogOwner owner;
	return pg::query(is_all_indexed_as_sql,
					 {pg::param(definition.dataset), pg::param(indexed_as(catalog, definition))})
		.boolean(0, 0);
}

constexpr char find_unindexed_files_sql[] = R"(
SELECT f.file_id
  FROM etl.file f
  LEFT JOIN etl.run r USING (run_id)
 WHERE f.dataset = $1 AND f.status <> 'failed'
   AND (f.archived_path IS NOT NULL OR f.processed_path IS NOT NULL)
   AND coalesce(f.indexed_as, r.indexed_as, '') <> $2
 ORDER BY 1)";

std::vector<int64_t>
unindexed_files(const Catalog &catalog, const Definition &definition)
{
	std::vector<int64_t> files;
	const std::string wanted = indexed_as(catalog, definition);
	if (wanted.empty() || all_indexed(catalog, definition))
		return files;
	const AsCatalogOwner owner;
	// a run that is still in progress has no row yet
	const pg::Rows rows =
		pg::query(find_unindexed_files_sql, {pg::param(definition.dataset), pg::param(wanted)});
	for (uint64_t i = 0; i < rows.size(); ++i)
		files.push_back(rows.integer(i, 0));
	return files;
}

namespace
{

constexpr char note_indexed_files_sql[] = R"(
UPDATE etl.file f
   SET indexed_as = $2
  FROM unnest($1::bigint[]) i(id)
 WHERE f.file_id = i.id AND f.indexed_as IS DISTINCT FROM $2)";

void
note(const std::vector<int64_t> &files, const std::string &as)
{
	const AsCatalogOwner owner;
	pg::execute(note_indexed_files_sql, {pg::param_array(files), pg::param(as)});
}

} // namespace

void
note_indexed(const Catalog &catalog, const Definition &definition,
			 const std::vector<int64_t> &files)
{
	note(files, indexed_as(catalog, definition));
}

void
note_not_indexed(const std::string &dataset, const std::vector<int64_t> &files)
{
	if (files.empty())
		return;
	note(files, "");
	note_indexed_run(dataset, "");
}

constexpr char note_all_indexed_as_sql[] = R"(
INSERT INTO etl.subject_index (dataset, indexed_as)
VALUES ($1, $2)
ON CONFLICT (dataset) DO UPDATE SET indexed_as = excluded.indexed_as)";

void
note_all_indexed(const Catalog &catalog, const Definition &definition)
{
	const AsCatalogOwner owner;
	pg::execute(note_all_indexed_as_sql,
				{pg::param(definition.dataset), pg::param(indexed_as(catalog, definition))});
}

constexpr char forget_all_indexed_as_sql[] = R"(
DELETE FROM etl.subject_index WHERE dataset = $1 AND indexed_as <> $2)";

void
note_indexed_run(const std::string &dataset, const std::string &indexed_as)
{
	const AsCatalogOwner owner;
	pg::execute(forget_all_indexed_as_sql, {pg::param(dataset), pg::param(indexed_as)});
}

} // namespace etl
