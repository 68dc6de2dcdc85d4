#include "load/postponed_indexes.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "pg/blame.h"
#include "pg/fault.h"
#include "pg/guard.h"
#include "pg/index_state.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/spi.h"

extern "C"
{
#include "catalog/pg_type.h"
}

namespace etl
{

namespace
{

/// The indexes of table $1 that may be built later. $2: columns whose values together differ in
/// every row; null if no such columns are known.
constexpr char eligible_sql[] = R"(
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
   AND (NOT i.indisunique OR cardinality($2::text[]) =
        (SELECT count(*)
           FROM pg_attribute c
          WHERE c.attrelid = i.indrelid AND c.attname = ANY ($2::text[]) AND NOT c.attisdropped
            AND c.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
 ORDER BY i.indexrelid)";

/// The column of the key, and in a child table also that of the line. Empty if the table does not
/// have both.
std::vector<std::string_view>
distinct_columns(const Definition &definition, const TableDefinition &table)
{
	std::vector<std::string_view> names;
	for (const ColumnDefinition &column : table.columns)
		if (definition.key_column() != nullptr && column.source == Source::field &&
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

/// All tables of the dataset, each locked against writers. Empty if this is not possible at once:
/// if only some were locked, there could be a deadlock with a session that writes to parent and
/// child in this order.
std::vector<Oid>
lock_empty_tables(const Definition &definition)
{
	std::vector<Oid> tables;
	for (const TableDefinition &table : definition.tables)
	{
		const Oid oid = find_table(table);
		if (!OidIsValid(oid) || !pg::lock_empty_table(oid))
		{
			std::for_each(tables.begin(), tables.end(), pg::unlock_empty_table);
			return {};
		}
		tables.push_back(oid);
	}
	return tables;
}

} // namespace

PostponedIndexes
PostponedIndexes::suspend(const Definition &definition)
{
	PostponedIndexes postponed;
	postponed.dataset_ = definition.dataset;
	const std::vector<Oid> tables = lock_empty_tables(definition);
	for (size_t t = 0; t < tables.size(); ++t)
		for (const Oid index : eligible_indexes(definition, definition.tables[t], tables[t]))
		{
			pg::suspend_index(index);
			postponed.indexes_.push_back({tables[t], index});
			postponed.of_key_table_ = postponed.of_key_table_ || t == 0;
		}
	if (postponed.indexes_.empty())
		std::for_each(tables.begin(), tables.end(), pg::unlock_empty_table);
	return postponed;
}

void
PostponedIndexes::build()
{
	if (indexes_.empty())
		return;
	// "Key (…)=(…) is duplicated", and errors of functions of an operator class
	const pg::WithoutValues without_values(pg::WithoutValues::From::table_code);
	const auto error = pg::subtransaction([&] { build_all(); });
	if (!error)
		return;
	if (error->sqlstate() == sqlstate::configuration_limit_exceeded) // sorting needs more space
																	 // than inserting row by row
		throw CannotPostpone{dataset_, "Building one of them did not fit temp_file_limit"};
	// an index refused a row, or an event trigger failed: postponing was wrong, but the machine is
	// not
	if (pg::blame_of(*error) != pg::Blame::row)
		throw *error;
	throw CannotPostpone{dataset_, "One of them has refused a row: SQLSTATE " + error->sqlstate()};
}

void
CannotPostpone::notice() const
{
	pg::notice(NOTICE, "indexes of dataset \"" + dataset + "\" could not be built last",
			   reason + ". The dataset is loaded again with its indexes in use.");
}

void
PostponedIndexes::build_all()
{
	const size_t memory = pg::Settings::current().batch_memory * 3 / 8;
	constexpr std::chrono::milliseconds patience(limits::index_wait_ms), pause(10);
	const auto until = std::chrono::steady_clock::now() + patience;
	std::vector<Index> free;
	for (const Index &index : indexes_)
	{
		bool is_free;
		while (!(is_free = pg::is_index_free(index.oid)) &&
			   std::chrono::steady_clock::now() < until)
		{
			pg::check_for_interrupts();
			std::this_thread::sleep_for(pause);
		}
		// fill this index before readers of other indexes have to wait
		if (is_free)
			free.push_back(index);
		else
			pg::fill_suspended_index(index.table, index.oid);
	}
	for (const Index &index : free)
	{
		if (!pg::build_suspended_index(index.oid, memory))
			pg::fill_suspended_index(index.table, index.oid);
		ETL_FAULT("index_built");
	}
}

} // namespace etl
