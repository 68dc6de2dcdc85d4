#include "run/postponed_indexes.h"

#include "pg/index_state.h"
#include "pg/spi.h"
#include "run/catalog.h"
#include "run/fault.h"

extern "C"
{
#include "catalog/pg_type.h"
}

namespace etl
{

namespace
{

/// Indexes of table $1 that may be built later. $2: columns whose values together are different in
/// every row; null when nothing is known of that.
const char *const eligible_sql = R"(
SELECT i.indexrelid::bigint
  FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_am a ON a.oid = x.relam
 WHERE i.indrelid = $1
   AND t.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
   AND t.relpersistence <> 't' AND NOT t.relhastriggers AND NOT t.relhassubclass
   AND pg_has_role(t.relowner, 'USAGE')
   AND a.amname = 'btree' AND i.indisvalid AND i.indisready AND i.indislive
   AND i.indimmediate AND NOT i.indisexclusion
   AND i.indexprs IS NULL AND i.indpred IS NULL
   AND (NOT i.indisunique OR cardinality($2) =
        (SELECT count(*)
           FROM pg_attribute c
          WHERE c.attrelid = i.indrelid AND c.attname = ANY ($2) AND NOT c.attisdropped
            AND c.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
 ORDER BY i.indexrelid)";

/// The key's column, and in a child table the line's; empty when the table has not both.
std::vector<std::string_view>
distinct_columns(const Definition &definition, const TableDefinition &table)
{
	std::vector<std::string_view> names;
	for (const ColumnDefinition &column : table.columns)
		if (definition.key_column >= 0 && column.source == Source::field &&
			column.path == definition.key)
		{
			names.push_back(column.name);
			break;
		}
	for (const ColumnDefinition &column : table.columns)
		if (table.is_child && !names.empty() && column.source == Source::line)
		{
			names.push_back(column.name);
			return names;
		}
	return table.is_child ? std::vector<std::string_view>() : names;
}

std::vector<Oid>
eligible_indexes(const Definition &definition, const TableDefinition &table, Oid oid)
{
	const std::vector<std::string_view> distinct = distinct_columns(definition, table);
	const pg::Rows rows = pg::query(eligible_sql, {pg::param(static_cast<int64_t>(oid)),
												   distinct.empty() ? pg::null_param(TEXTARRAYOID)
																	: pg::param_array(distinct)});
	std::vector<Oid> indexes;
	for (uint64_t i = 0; i < rows.size(); ++i)
		indexes.push_back(static_cast<Oid>(rows.integer(i, 0)));
	return indexes;
}

} // namespace

PostponedIndexes
PostponedIndexes::suspend(const Definition &definition)
{
	PostponedIndexes postponed;
	for (const TableDefinition &table : definition.tables)
	{
		const Oid oid = find_table(table);
		if (!OidIsValid(oid) || !pg::lock_empty_table(oid))
			continue;
		const std::vector<Oid> indexes = eligible_indexes(definition, table, oid);
		if (indexes.empty())
			pg::unlock_empty_table(oid);
		for (const Oid index : indexes)
		{
			pg::suspend_index(index);
			postponed.indexes_.push_back({oid, index});
			postponed.of_key_table_ = postponed.of_key_table_ || !table.is_child;
		}
	}
	return postponed;
}

std::optional<pg::PgError>
PostponedIndexes::build(size_t memory)
{
	if (indexes_.empty())
		return std::nullopt;
	const pg::WithoutValues without_values; // "Key (…)=(…) is duplicated"
	return pg::subtransaction(
		[&]
		{
			for (const Index &index : indexes_)
			{
				pg::build_suspended_index(index.table, index.oid, memory);
				ETL_FAULT("index_built");
			}
		});
}

} // namespace etl
