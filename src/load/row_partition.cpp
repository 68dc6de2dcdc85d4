#include "load/row_partition.h"

#include <algorithm>

#include "catalog/definitions.h"
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

} // namespace

bool
keeps_row_partitions(const Definition &definition)
{
	if (definition.on_repeat != OnRepeat::update || definition.key_column() == nullptr)
		return false;
	const auto has = [&](Source source)
	{
		const auto &columns = definition.tables[0].columns;
		return std::any_of(columns.begin(), columns.end(),
						   [=](const ColumnDefinition &column) { return column.source == source; });
	};
	return !has(Source::record_date) || !has(Source::record_hour);
}

constexpr char may_have_unmarked_rows_sql[] = R"(
SELECT EXISTS (SELECT FROM etl.row_partition WHERE table_name = $1)
       OR EXISTS (SELECT FROM etl.former_definition f
                   WHERE (f.dataset = $2 OR f.definition #>> '{x-etl,tables,0,name}' = $3)
                     AND NOT (f.definition @? '$."x-etl".tables[0].columns[*].from ? (@ == "$record_date")'
                              AND f.definition @? '$."x-etl".tables[0].columns[*].from ? (@ == "$record_hour")')))";

bool
may_have_unmarked_rows(const Definition &definition)
{
	if (definition.on_repeat != OnRepeat::update || definition.key_column() == nullptr ||
		keeps_row_partitions(definition))
		return false;
	const AsCatalogOwner owner;
	return pg::query(may_have_unmarked_rows_sql,
					 {table_of(definition), pg::param(definition.dataset),
					  pg::param(definition.tables[0].name)})
		.boolean(0, 0);
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
