#include "catalog/target_table.h"

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

constexpr char kind_and_triggers_sql[] = R"(
SELECT c.relkind::text,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68),
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 80 = 80)
  FROM pg_class c
 WHERE c.oid = $1::oid)";

void
check_kind(const Definition &definition, const TableDefinition &table, Oid oid)
{
	// pg_trigger.tgtype: 64 INSTEAD OF, 4 INSERT, 16 UPDATE
	const pg::Rows rows = pg::query(kind_and_triggers_sql, {pg::param(static_cast<int64_t>(oid))});
	if (rows.empty())
		return;
	const std::string kind = rows.text(0, 0);
	if (kind == "r" || kind == "p" || kind == "f")
		return;
	const bool update = definition.on_repeat == OnRepeat::update && !table.is_child;
	if (kind == "v" && rows.boolean(0, 1) && (!update || rows.boolean(0, 2)))
		return;
	const std::string name = quoted(table);
	if (kind == "v")
		throw pg::Error(sqlstate::wrong_object_type, "view " + name + " cannot be a target table",
						std::string("It has no INSTEAD OF ") +
							(rows.boolean(0, 1) ? "UPDATE" : "INSERT") + " trigger.",
						"Name the table behind it, or give it such a trigger FOR EACH ROW.");
	throw pg::Error(sqlstate::wrong_object_type, name + " cannot be a target table",
					kind == "m" ? "It is a materialized view." : "It is not a table.",
					"Name a table.");
}

constexpr char read_generated_columns_sql[] = R"(
SELECT attname::text, attgenerated <> '', attidentity = 'a'
  FROM pg_attribute
 WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
   AND (attgenerated <> '' OR attidentity = 'a'))";

} // namespace

void
check_target(const Definition &definition, const TableDefinition &table, Oid oid)
{
	check_kind(definition, table, oid);
	const pg::Rows rows =
		pg::query(read_generated_columns_sql, {pg::param(static_cast<int64_t>(oid))});
	const bool update = definition.on_repeat == OnRepeat::update;
	for (uint64_t i = 0; i < rows.size(); ++i)
		for (size_t c = 0; c < table.columns.size(); ++c)
		{
			if (table.columns[c].name != rows.text(i, 0))
				continue;
			// COPY can set an identity column, but UPDATE cannot; the key is never updated
			const bool is_key = !table.is_child && static_cast<int>(c) == definition.key_index;
			if (!rows.boolean(i, 1) && (!update || is_key))
				continue;
			throw pg::Error(
				sqlstate::generated_always,
				"column \"" + table.columns[c].name + "\" of table " + quoted(table) +
					" cannot be loaded by dataset \"" + definition.dataset + "\"",
				rows.boolean(i, 1)
					? "It is a generated column: the table computes it."
					: "It is GENERATED ALWAYS AS IDENTITY, and the dataset updates rows.",
				"Leave the column out of the definition, or change it with ALTER TABLE.");
		}
}

} // namespace etl
