#include "load/row_partition.h"

#include <algorithm>

#include "catalog/definitions.h"
#include "catalog/former_definitions.h"
#include "core/definition/definition.h"
#include "load/former_rows.h"
#include "pg/catalog_owner.h"
#include "pg/spi.h"

extern "C"
{
#include "catalog/pg_type.h"
}

namespace etl
{

namespace
{

/// The hashes of the keys, as they are in the catalog.
pg::Param
hashes_of(const std::vector<std::string_view> &keys)
{
	std::string bytes;
	bytes.reserve(keys.size() * row_key_hash_size);
	for (const std::string_view key : keys)
		append_row_key_hash(key, bytes);
	std::vector<std::string_view> hashes;
	hashes.reserve(keys.size());
	for (size_t i = 0; i < keys.size(); ++i)
		hashes.push_back(std::string_view(bytes).substr(i * row_key_hash_size, row_key_hash_size));
	return pg::param_array(BYTEAOID, hashes);
}

pg::Param
table_of(const Definition &definition)
{
	return pg::param(quoted(definition.tables[0]));
}

/// Whether the table has columns for the date and hour of a record's partition.
bool
marks_partition(const TableDefinition &table)
{
	const auto has = [&](Source source)
	{
		return std::any_of(table.columns.begin(), table.columns.end(),
						   [=](const ColumnDefinition &column) { return column.source == source; });
	};
	return has(Source::record_date) && has(Source::record_hour);
}

} // namespace

bool
keeps_row_partitions(const Definition &definition)
{
	if (definition.on_repeat != OnRepeat::update || definition.key_column() == nullptr)
		return false;
	return !marks_partition(definition.tables[0]);
}

constexpr char has_row_partitions_sql[] = R"(
SELECT EXISTS (SELECT FROM etl.row_partition WHERE table_name = $1))";

/// Whether rows that the former definition loaded into the first table of `definition` may be
/// without their partition. A table can be renamed, so each table of the same dataset counts.
bool
may_have_left_unmarked(const FormerDefinition &former, const Definition &definition)
{
	const bool same_dataset = former.dataset == definition.dataset;
	if (former.definition == nullptr || former.definition->tables.empty())
		return same_dataset;
	const TableDefinition &table = former.definition->tables[0];
	return (same_dataset || quoted(table) == quoted(definition.tables[0])) &&
		   !marks_partition(table);
}

bool
may_have_unmarked_rows(const Definition &definition)
{
	if (definition.on_repeat != OnRepeat::update || definition.key_column() == nullptr ||
		keeps_row_partitions(definition))
		return false;
	const AsCatalogOwner owner;
	if (pg::query(has_row_partitions_sql, {table_of(definition)}).boolean(0, 0))
		return true;
	const std::vector<FormerDefinition> former = former_definitions();
	return std::any_of(former.begin(), former.end(),
					   [&](const FormerDefinition &f)
					   { return may_have_left_unmarked(f, definition); });
}

constexpr char find_late_rows_sql[] = R"(
SELECT k.i, p.hour IS NULL
  FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY k(hash, hour, i)
  LEFT JOIN etl.row_partition p ON p.table_name = $1 AND p.key_hash = k.hash
 WHERE p.hour IS NULL
    OR p.hour > k.hour)";

std::vector<size_t>
late_rows(const Definition &definition, const std::vector<std::string_view> &keys,
		  const std::vector<int64_t> &hours)
{
	std::vector<size_t> late;
	const pg::Param hashes = hashes_of(keys);
	for (bool again = true; again;)
	{
		const pg::Rows rows =
			pg::query(find_late_rows_sql, {table_of(definition), hashes, pg::param_array(hours)});
		late.clear();
		int64_t earliest = INT64_MAX;
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const size_t position = static_cast<size_t>(rows.integer(i, 0) - 1);
			if (rows.boolean(i, 1))
				earliest = std::min(earliest, hours[position]);
			else
				late.push_back(position);
		}
		again = earliest != INT64_MAX && note_former_rows(definition, earliest);
	}
	return late;
}

constexpr char note_hours_of_keys_sql[] = R"(
INSERT INTO etl.row_partition AS p (table_name, key_hash, hour)
SELECT $1, k.hash, max(k.hour)
  FROM unnest($2::bytea[], $3::bigint[]) k(hash, hour)
 GROUP BY k.hash
ON CONFLICT (table_name, key_hash) DO UPDATE SET hour = excluded.hour
 WHERE p.hour <> excluded.hour)";

void
note_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys,
					const std::vector<int64_t> &hours)
{
	if (keys.empty())
		return;
	const AsCatalogOwner owner;
	pg::execute(note_hours_of_keys_sql,
				{table_of(definition), hashes_of(keys), pg::param_array(hours)});
}

constexpr char any_hour_of_table_sql[] = R"(
SELECT EXISTS (SELECT FROM etl.row_partition WHERE table_name = $1))";

bool
any_row_partitions(const Definition &definition)
{
	return pg::query(any_hour_of_table_sql, {table_of(definition)}).boolean(0, 0);
}

constexpr char forget_hours_of_keys_sql[] = R"(
DELETE FROM etl.row_partition p
 USING unnest($2::bytea[]) k(hash)
 WHERE p.table_name = $1 AND p.key_hash = k.hash)";

void
forget_row_partitions(const Definition &definition, const std::vector<std::string_view> &keys)
{
	if (keys.empty())
		return;
	const AsCatalogOwner owner;
	pg::execute(forget_hours_of_keys_sql, {table_of(definition), hashes_of(keys)});
}

constexpr char rename_table_of_hours_sql[] = R"(
UPDATE etl.row_partition p
   SET table_name = $2
 WHERE p.table_name = $1
   AND NOT EXISTS (SELECT FROM etl.row_partition n
                    WHERE n.table_name = $2 AND n.key_hash = p.key_hash))";

void
move_row_partitions(const TableDefinition &from, const TableDefinition &to)
{
	const AsCatalogOwner owner;
	pg::execute(rename_table_of_hours_sql, {pg::param(quoted(from)), pg::param(quoted(to))});
}

} // namespace etl
