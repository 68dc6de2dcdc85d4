#include "catalog/definitions.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>

#include "catalog/citus.h"
#include "catalog/table_tree.h"
#include "catalog/target_table.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/types/column_type.h"
#include "pg/guard.h"
#include "pg/named_lock.h"
#include "pg/spi.h"

extern "C"
{
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
}

namespace etl
{

Definition
read_definition(const std::string &json)
{
	try
	{
		return Definition::read(json);
	}
	catch (const DefinitionError &e)
	{
		throw pg::Error(sqlstate::invalid_parameter_value, "invalid definition of a dataset",
						"At \"" + e.pointer() + "\": " + e.what(),
						e.hint().empty() ? "docs/reference/definition.md describes the format."
										 : e.hint());
	}
}

namespace
{

/// A definition that this backend has compiled, and its text.
struct Compiled
{
	std::string text;
	std::shared_ptr<const Definition> definition;
};

/// Returns the compiled definition, and compiles it if the text has changed. Since the text
/// decides, it does not matter which transaction or session has changed the definition.
std::shared_ptr<const Definition>
compiled(const std::string &name, std::string text)
{
	static std::map<std::string, Compiled> kept;
	Compiled &known = kept[name];
	if (known.definition == nullptr || known.text != text)
	{
		known.definition.reset();
		known.definition = std::make_shared<const Definition>(read_definition(text));
		known.text = std::move(text);
	}
	return known.definition;
}

constexpr char read_definitions_sql[] = R"(
SELECT name, definition::text, enabled, defined_at FROM etl.dataset ORDER BY name)";

} // namespace

Catalog
Catalog::load()
{
	Catalog catalog;
	const pg::Rows rows = pg::query(read_definitions_sql);
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		const std::string name = rows.text(i, 0);
		try
		{
			catalog.definitions_.emplace(name, *compiled(name, rows.text(i, 1)));
		}
		catch (const pg::Error &e)
		{
			catalog.invalid_.emplace(
				name,
				pg::Error(sqlstate::object_not_in_prerequisite_state,
						  "dataset \"" + name + "\" has a definition that is not valid", e.detail(),
						  "Define it again with etl_define, or forget it with SELECT etl_drop(" +
							  pg::literal(name) + ");"));
		}
		catalog.enabled_[name] = rows.boolean(i, 2);
		catalog.defined_at_[name] = rows.integer(i, 3);
	}
	for (const auto &[name, definition] : catalog.definitions_)
		if (definition.key_column() != nullptr)
			catalog.key_types_[name] = definition.key_column()->type;
	return catalog;
}

std::optional<int64_t>
Catalog::defined_at(const std::string &dataset) const
{
	const auto found = defined_at_.find(dataset);
	return found == defined_at_.end() ? std::nullopt : std::optional(found->second);
}

const ColumnType &
Catalog::key_type(const std::string &dataset) const
{
	static const ColumnType as_text;
	const auto found = key_types_.find(dataset);
	return found == key_types_.end() ? as_text : found->second;
}

const Definition *
Catalog::find(const std::string &dataset) const
{
	const auto found = definitions_.find(dataset);
	return found == definitions_.end() ? nullptr : &found->second;
}

const Definition &
Catalog::get(const std::string &dataset) const
{
	if (const Definition *definition = find(dataset))
		return *definition;
	if (const auto invalid = invalid_.find(dataset); invalid != invalid_.end())
		throw pg::Error(invalid->second);
	std::string known;
	for (const auto &[name, definition] : definitions_)
		known += (known.empty() ? "" : ", ") + name;
	throw pg::Error(sqlstate::undefined_object, "dataset \"" + dataset + "\" is not defined",
					known.empty() ? "No dataset is defined." : "Defined are: " + known + ".",
					"Define it with SELECT etl_define('…').");
}

void
Catalog::require_known(const std::string &dataset) const
{
	if (invalid_.count(dataset) == 0)
		(void)get(dataset);
}

void
Catalog::require_parents(const Definition &definition) const
{
	const auto require = [this](const std::string &dataset)
	{
		if (const auto invalid = invalid_.find(dataset); invalid != invalid_.end())
			throw pg::Error(invalid->second);
	};
	for (const ReferenceDefinition &reference : definition.references)
		require(reference.dataset);
	if (definition.erases)
		require(definition.erases->dataset);
	if (definition.subject)
		require(definition.subject->dataset);
}

std::vector<std::string>
Catalog::run_order() const
{
	std::vector<std::string> enabled_ones;
	for (const auto &[name, error] : invalid_)
		if (enabled(name))
			enabled_ones.push_back(name);
	for (std::string &name : order())
		if (enabled(name))
			enabled_ones.push_back(std::move(name));
	return enabled_ones;
}

std::vector<std::string>
Catalog::order() const
{
	std::vector<std::string> order;
	std::map<std::string, bool> visited;
	const std::function<void(const std::string &)> visit = [&](const std::string &name)
	{
		const Definition *definition = find(name);
		if (definition == nullptr || visited[name])
			return;
		visited[name] = true;
		for (const ReferenceDefinition &reference : definition->references)
			visit(reference.dataset);
		order.push_back(name);
	};
	for (const bool erases : {false, true})
		for (const auto &[name, definition] : definitions_)
			if (definition.erases.has_value() == erases)
				visit(name);
	return order;
}

namespace
{

/// The relations behind an existing table: the table, its partitions and children, and the
/// relations that a view selects from.
std::set<int64_t>
behind(const TableDefinition &table)
{
	std::set<int64_t> found;
	const Oid oid = find_table(table);
	if (!OidIsValid(oid))
		return found;
	const pg::Rows rows =
		pg::query("SELECT oid::bigint FROM (" + std::string(relations_behind_sql) + ") b",
				  {pg::param_array(std::vector<int64_t>{oid})});
	for (uint64_t i = 0; i < rows.size(); ++i)
		found.insert(rows.integer(i, 0));
	return found;
}

} // namespace

void
Catalog::refuse_conflicts(const Definition &definition) const
{
	for (const auto &[name, error] : invalid_)
		if (name != definition.dataset)
			throw pg::Error(error);
	std::vector<std::set<int64_t>> own;
	for (const TableDefinition &table : definition.tables)
		own.push_back(behind(table));
	for (const auto &[name, other] : definitions_)
	{
		if (name == definition.dataset)
			continue;
		const std::string hint = "Give it another name, or forget the other definition with SELECT "
								 "etl_drop('" +
								 name + "').";
		for (const std::string &file : definition.files)
			if (std::find(other.files.begin(), other.files.end(), file) != other.files.end())
				throw pg::Error(sqlstate::duplicate_object,
								"files called \"" + file + "\" are claimed by dataset \"" + name +
									"\" already",
								"A staged file is loaded by one dataset.", hint);
		for (const TableDefinition &table : definition.tables)
			for (const TableDefinition &taken : other.tables)
				if (table.schema == taken.schema && table.name == taken.name)
					throw pg::Error(
						sqlstate::duplicate_object,
						"table " + quoted(table) + " is written by dataset \"" + name +
							"\" already",
						"The rows of two datasets in one table could not be told apart.", hint);
		for (const TableDefinition &taken : other.tables)
			for (const int64_t oid : behind(taken))
				for (size_t i = 0; i < own.size(); ++i)
					if (own[i].count(oid) > 0)
						throw pg::Error(
							sqlstate::duplicate_object,
							"table " + quoted(definition.tables[i]) +
								" is another name of what dataset \"" + name + "\" writes",
							"It is, or has, a partition, child or view of table " + quoted(taken) +
								". The rows of two datasets in one table could not be told apart.",
							hint);
	}
}

std::string
Catalog::claimant(std::string_view file_name) const
{
	for (const auto &[name, definition] : definitions_)
		if (definition.claims(file_name))
			return name;
	return {};
}

std::string
quoted(const TableDefinition &table)
{
	return pg::quote(table.schema, table.name);
}

Oid
find_table(const TableDefinition &table)
{
	const char *schema = table.schema.c_str(), *name = table.name.c_str();
	return pg::call(
		[=]
		{
			const Oid space = get_namespace_oid(schema, true);
			return OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;
		});
}

Oid
type_oid(const ColumnType &type)
{
	switch (type.id)
	{
	case TypeId::smallint:
		return INT2OID;
	case TypeId::integer:
		return INT4OID;
	case TypeId::bigint:
		return INT8OID;
	case TypeId::numeric:
		return NUMERICOID;
	case TypeId::real:
		return FLOAT4OID;
	case TypeId::double_precision:
		return FLOAT8OID;
	case TypeId::boolean:
		return BOOLOID;
	case TypeId::date:
		return DATEOID;
	case TypeId::timestamp:
		return TIMESTAMPOID;
	case TypeId::timestamptz:
		return TIMESTAMPTZOID;
	case TypeId::uuid:
		return UUIDOID;
	case TypeId::json:
		return JSONOID;
	case TypeId::jsonb:
		return JSONBOID;
	case TypeId::text:
		break;
	}
	return TEXTOID;
}

namespace
{

constexpr char columns_of_table_sql[] = R"(
SELECT attname::text, format_type(atttypid, atttypmod)
  FROM pg_attribute
 WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped)";

void
check_table(const Definition &definition, const TableDefinition &table, Oid oid)
{
	check_target(definition, table, oid);
	const pg::Rows rows = pg::query(columns_of_table_sql, {pg::param(static_cast<int64_t>(oid))});
	std::map<std::string, std::string> columns;
	for (uint64_t i = 0; i < rows.size(); ++i)
		columns[rows.text(i, 0)] = rows.text(i, 1);
	for (const ColumnDefinition &column : table.columns)
	{
		const auto found = columns.find(column.name);
		if (found != columns.end() && found->second == column.type.sql)
			continue;
		throw pg::Error(sqlstate::datatype_mismatch,
						"table " + quoted(table) + " does not fit dataset \"" + definition.dataset +
							"\"",
						"Column \"" + column.name + "\" should be " + column.type.sql +
							(found == columns.end() ? ", but the table has no such column."
													: ", but is " + found->second + "."),
						"Change the table with ALTER TABLE or the definition with etl_define.");
	}
}

/// With row-level security PostgreSQL would silently leave out rows, so that an existing key would
/// look new and an update would change nothing.
void
check_row_security(const TableDefinition &table, Oid oid)
{
	if (pg::call([=] { return check_enable_rls(oid, InvalidOid, true) == RLS_ENABLED; }))
		throw pg::Error(sqlstate::insufficient_privilege,
						"row-level security of table " + quoted(table) + " is in the way",
						"A load must see and write every row of the table.",
						"Run as the table's owner, or as a role with BYPASSRLS.");
}

/// A comment that explains a column of a target table.
std::string
meaning_of(const ColumnDefinition &column)
{
	switch (column.source)
	{
	case Source::element:
		return "Field " + column.from.substr(1) + " of the element";
	case Source::line:
		return "Position of the element in its record, from 1";
	case Source::record_date:
		return "Date of the partition that the record came in";
	case Source::record_hour:
		return "Hour of the partition that the record came in";
	case Source::run_time:
		return "When the run began that loaded the record";
	case Source::field:
		break;
	}
	return "Field " + column.from + " of the record";
}

constexpr char is_schema_sql[] = R"(SELECT 1 FROM pg_namespace WHERE nspname = $1)";

void
create_table(const Definition &definition, const TableDefinition &table)
{
	std::string columns;
	for (const ColumnDefinition &column : table.columns)
		columns += "\n    " + pg::quote(column.name) + " " + column.type.sql +
				   (column.not_null ? " NOT NULL," : ",");
	std::string key;
	for (const std::string &column : table.primary_key)
		key += (key.empty() ? "" : ", ") + pg::quote(column);
	if (key.empty())
		columns.pop_back();
	else
		columns += "\n    PRIMARY KEY (" + key + ")";
	if (pg::query(is_schema_sql, {pg::param(table.schema)}).empty())
		pg::execute("CREATE SCHEMA " + pg::quote(table.schema));
	pg::execute("CREATE TABLE " + quoted(table) + " (" + columns + "\n)");
	pg::execute("COMMENT ON TABLE " + quoted(table) + " IS " +
				pg::literal("Loaded by pg_etl, dataset " + definition.dataset));
	for (const ColumnDefinition &column : table.columns)
		pg::execute("COMMENT ON COLUMN " + quoted(table) + "." + pg::quote(column.name) + " IS " +
					pg::literal(meaning_of(column)));
}

} // namespace

void
check_tables(const Definition &definition)
{
	refuse_citus_tables(definition);
	for (const TableDefinition &table : definition.tables)
		if (const Oid oid = find_table(table))
			check_table(definition, table, oid);
}

void
ensure_tables(const Definition &definition)
{
	refuse_citus_tables(definition);
	for (const TableDefinition &table : definition.tables)
	{
		if (const Oid oid = find_table(table))
		{
			check_table(definition, table, oid);
			check_row_security(table, oid);
			continue;
		}
		// if two sessions need the table at the same time, the second one waits and then finds it
		(void)pg::lock_name("pg_etl table " + quoted(table), pg::LockKind::exclusive, true);
		if (!find_table(table))
			create_table(definition, table);
	}
}

} // namespace etl
