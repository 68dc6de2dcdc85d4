#include "anonymize/removal.h"

#include <algorithm>

#include "anonymize/person_match.h"
#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "core/definition/check.h"
#include "core/definition/column_path.h"
#include "core/definition/definition.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

constexpr char foreign_key_conditions_sql[] = R"(
SELECT CASE WHEN k.confrelid = $1::oid
            THEN format('EXISTS (SELECT FROM %I.%I r WHERE %s%s)', n.nspname, c.relname,
                        string_agg(format('r.%I = t.%I', a.attname, f.attname), ' AND ' ORDER BY k.i),
                        -- a row that refers to itself is no reason to stay
                        CASE WHEN c.oid = k.confrelid
                             THEN ' AND (r.tableoid, r.ctid) <> (t.tableoid, t.ctid)'
                             ELSE '' END)
            -- what refers to a child may do so by a column that the parent does not have
            ELSE format('EXISTS (SELECT FROM ONLY %I.%I x JOIN %I.%I r ON %s'
                        '   WHERE (x.tableoid, x.ctid) = (t.tableoid, t.ctid)%s)',
                        xn.nspname, x.relname, n.nspname, c.relname,
                        string_agg(format('r.%I = x.%I', a.attname, f.attname), ' AND ' ORDER BY k.i),
                        CASE WHEN c.oid = k.confrelid
                             THEN ' AND (r.tableoid, r.ctid) <> (x.tableoid, x.ctid)'
                             ELSE '' END) END
  FROM (SELECT o.oid, o.conrelid, o.confrelid, u.*
          FROM pg_constraint o, unnest(o.conkey, o.confkey) WITH ORDINALITY u(con, conf, i)
         WHERE o.contype = 'f' AND o.conparentid = 0
           AND o.confrelid IN (WITH RECURSIVE tree (oid)
                                    AS (SELECT $1::oid
                                         UNION
                                        SELECT i.inhrelid
                                          FROM tree
                                          JOIN pg_inherits i ON i.inhparent = tree.oid)
                               SELECT oid
                                 FROM tree)) k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class x ON x.oid = k.confrelid
  JOIN pg_namespace xn ON xn.oid = x.relnamespace
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.con
  JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.conf
 GROUP BY k.oid, n.nspname, c.relname, c.oid, k.confrelid, xn.nspname, x.relname
 ORDER BY n.nspname, c.relname, k.oid)";

/// Adds the conditions under which a foreign key refers to the row t of the relation, or of one of
/// its partitions or children.
void
add_foreign_keys(Oid relation, std::vector<std::string> &conditions)
{
	const pg::Rows rows =
		pg::query(foreign_key_conditions_sql, {pg::param(static_cast<int64_t>(relation))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		conditions.push_back(rows.text(i, 0));
}

/// Like add_foreign_keys(), for references in definitions, because many sites load without foreign
/// keys.
void
add_references(const Catalog &catalog, const Definition &definition,
			   std::vector<std::string> &conditions)
{
	if (definition.key_column() == nullptr)
		return;
	const TableDefinition &own = definition.tables[0];
	const ColumnDefinition &key = *definition.key_column();
	for (const auto &[name, other] : catalog.all())
		for (const ReferenceDefinition &reference : other.references)
		{
			if (reference.dataset != definition.dataset)
				continue;
			columns_of_field(
				other, reference.path,
				[&](const TableDefinition &table, const ColumnDefinition &column)
				{
					const Oid relation = find_table(table);
					if (!OidIsValid(relation))
						return;
					const char *as = column.type.sql == key.type.sql ? "" : "::text";
					conditions.push_back(
						"EXISTS (SELECT FROM " + quoted(table) + " r WHERE r." +
						pg::quote(column.name) + as + " = t." + pg::quote(key.name) + as +
						// a record that refers to itself need not stay for this reason
						(relation == find_table(own)
							 ? " AND r." + pg::quote(key.name) + " <> t." + pg::quote(key.name)
							 : "") +
						")");
				});
		}
}

constexpr char emptying_assignments_sql[] = R"(
SELECT format('%I = %s', a.attname,
              CASE WHEN NOT a.attnotnull OR a.atthasdef OR a.attidentity <> '' THEN 'DEFAULT'
                   ELSE format('%L::%s',
                               CASE t.typcategory
                                    WHEN 'S' THEN '[erased]'
                                    WHEN 'N' THEN '0'
                                    WHEN 'B' THEN 'false'
                                    WHEN 'D' THEN '0001-01-01'
                                    ELSE CASE t.typname
                                              WHEN 'uuid'
                                              THEN '00000000-0000-0000-0000-000000000000'
                                              ELSE 'null' END END,
                               format_type(a.atttypid, a.atttypmod)) END)
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   AND a.attidentity <> 'a' AND NOT a.attname = ANY ($2)
       -- a type that has no such constant keeps its value
   AND (NOT a.attnotnull OR a.atthasdef OR t.typcategory IN ('S', 'N', 'B', 'D')
        OR t.typname IN ('uuid', 'json', 'jsonb'))
   AND NOT EXISTS (SELECT FROM pg_index i
                    WHERE i.indrelid = a.attrelid AND i.indisprimary
                      AND a.attnum = ANY (i.indkey))
   AND NOT EXISTS (SELECT FROM pg_constraint o
                    WHERE o.contype = 'f' AND o.confrelid = a.attrelid
                      AND a.attnum = ANY (o.confkey))
   AND NOT EXISTS (WITH RECURSIVE tree (oid)
                        AS (SELECT a.attrelid
                             UNION
                            SELECT i.inhrelid
                              FROM tree
                              JOIN pg_inherits i ON i.inhparent = tree.oid)
                   SELECT FROM tree
                     JOIN pg_partitioned_table p ON p.partrelid = tree.oid
                     JOIN pg_attribute k ON k.attrelid = p.partrelid
                          AND k.attnum = ANY (p.partattrs)
                    WHERE k.attname = a.attname)
 ORDER BY a.attnum)";

/// "column = …, …" for the relation, which is the table or inherits from it. Sets every column to
/// its default except keys, columns to which foreign keys refer, columns that determine the row's
/// partition, and the row's origin. A column that is NOT NULL and has no default gets a constant.
std::string
emptied(const TableDefinition &table, Oid relation, const std::vector<std::string> &kept)
{
	std::vector<std::string_view> names(kept.begin(), kept.end());
	for (const std::string &column : table.primary_key)
		names.push_back(column);
	for (const ColumnDefinition &column : table.columns)
		if (column.source == Source::record_date || column.source == Source::record_hour ||
			column.source == Source::run_time || column.source == Source::line)
			names.push_back(column.name);
	const pg::Rows rows =
		pg::query(emptying_assignments_sql,
				  {pg::param(static_cast<int64_t>(relation)), pg::param_array(names)});
	std::string list;
	for (uint64_t i = 0; i < rows.size(); ++i)
		list += (list.empty() ? "" : ", ") + rows.text(i, 0);
	return list;
}

struct Relation
{
	Oid oid;
	std::string name;
};

constexpr char tables_of_tree_sql[] = R"(
WITH RECURSIVE tree (oid)
     AS (SELECT c.oid
           FROM pg_class c
          WHERE c.oid = $1::oid
          UNION
         SELECT i.inhrelid
           FROM tree
           JOIN pg_inherits i ON i.inhparent = tree.oid
           JOIN pg_class p ON p.oid = tree.oid AND p.relkind IN ('r', 'f'))
SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname),
       c.relhassubclass AND c.relkind IN ('r', 'f')
  FROM tree
  JOIN pg_class c USING (oid)
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY c.oid <> $1::oid, 2)";

/// The relations for which statements are needed: the table, or each table of an inheritance tree,
/// because these may have columns of their own.
std::vector<Relation>
emptied_relations(const TableDefinition &table)
{
	const pg::Rows rows =
		pg::query(tables_of_tree_sql, {pg::param(static_cast<int64_t>(find_table(table)))});
	std::vector<Relation> relations;
	for (uint64_t i = 0; i < rows.size(); ++i)
		relations.push_back({static_cast<Oid>(rows.integer(i, 0)),
							 (rows.boolean(i, 2) ? "ONLY " : "") + rows.text(i, 1)});
	return relations;
}

std::string
none_of(const std::vector<std::string> &conditions)
{
	std::string sql;
	for (const std::string &condition : conditions)
		sql += " AND NOT " + condition;
	return sql;
}

/// For an existing child table: its column that takes the key of the record. Otherwise null.
const ColumnDefinition *
parent_column(const Definition &definition, const TableDefinition &table)
{
	return table.is_child && definition.key_column() != nullptr && OidIsValid(find_table(table))
			   ? column_taking(table, definition.key_column()->path)
			   : nullptr;
}

/// The conditions under which another row refers to the row t of the table, so that it stays.
std::vector<std::string>
what_refers(const Catalog &catalog, const Definition &definition, const TableDefinition &table)
{
	std::vector<std::string> referred;
	if (table.is_child)
	{
		add_foreign_keys(find_table(table), referred);
		return referred;
	}
	add_references(catalog, definition, referred);
	// if an element stays because another row refers to it, its record stays too
	add_foreign_keys(find_table(table), referred);
	for (const TableDefinition &child : definition.tables)
		if (const ColumnDefinition *parent = parent_column(definition, child))
			referred.push_back("EXISTS (SELECT FROM " + quoted(child) + " r WHERE r." +
							   pg::quote(parent->name) + " = t." +
							   pg::quote(definition.key_column()->name) + ")");
	return referred;
}

/// Whether each record is about the person that its own key names.
bool
is_own(const Definition &definition)
{
	return definition.subject && definition.subject->dataset == definition.dataset &&
		   definition.key == definition.subject->path;
}

constexpr char find_awaited_people_sql[] = R"(
SELECT DISTINCT q.subject
  FROM etl.quarantine q
 WHERE q.dataset = ANY ($1) AND q.subject = ANY ($2) AND q.code = 'reference'
   AND q.record IS NOT NULL AND q.status IN ('open', 'erased'))";

} // namespace

std::vector<std::string>
awaited_people(const Catalog &catalog, const Definition &definition, const pg::Param &subjects)
{
	std::vector<std::string> people;
	if (!is_own(definition))
		return people;
	std::vector<std::string_view> referring;
	for (const auto &[name, other] : catalog.all())
		if (other.subject && other.subject->dataset == definition.dataset)
			for (const ReferenceDefinition &reference : other.references)
				if (reference.dataset == definition.dataset &&
					reference.path == other.subject->path)
					referring.push_back(name);
	if (referring.empty())
		return people;
	const pg::Rows rows =
		pg::query(find_awaited_people_sql, {pg::param_array(referring), subjects});
	for (uint64_t i = 0; i < rows.size(); ++i)
		people.push_back(rows.text(i, 0));
	return people;
}

std::vector<std::string>
removal_statements(const Catalog &catalog, const Definition &definition)
{
	std::vector<std::string> statements;
	const ColumnDefinition *subject = definition.subject_column();
	if (subject == nullptr || !OidIsValid(find_table(definition.tables[0])))
		return statements;
	const TableDefinition &first = definition.tables[0];
	const ColumnDefinition *key = definition.key_column();
	const std::string people = " unnest($1::text[]) s(subject)";

	const auto add = [&](const TableDefinition &table, const std::string &from,
						 const std::string &where, const std::vector<std::string> &referred,
						 const std::vector<std::string> &kept)
	{
		const bool is_person = !table.is_child && is_own(definition);
		statements.push_back("DELETE FROM " + quoted(table) + " t USING" + from + " WHERE " +
							 where + (is_person ? " AND s.subject <> ALL ($2::text[])" : "") +
							 none_of(referred) + " RETURNING s.subject");
		if (referred.empty() && !is_person)
			return;
		for (const Relation &relation : emptied_relations(table))
			if (const std::string set = emptied(table, relation.oid, kept); !set.empty())
				statements.push_back("UPDATE " + relation.name + " t SET " + set + " FROM" + from +
									 " WHERE " + where + " RETURNING s.subject");
	};

	// the elements of a record come before the record, because they are found through it
	for (const TableDefinition &table : definition.tables)
	{
		const ColumnDefinition *parent = parent_column(definition, table);
		if (parent == nullptr)
			continue;
		add(table, people + ", " + quoted(first) + " p",
			person_match(catalog, definition, *subject, "p", "s.subject") + " AND t." +
				pg::quote(parent->name) + " = p." + pg::quote(key->name),
			what_refers(catalog, definition, table), {parent->name});
	}
	std::vector<std::string> kept;
	if (key != nullptr)
		kept.push_back(key->name);
	add(first, people, person_match(catalog, definition, *subject, "t", "s.subject"),
		what_refers(catalog, definition, first), kept);
	return statements;
}

std::string
left_after_removal(const Catalog &catalog, const Definition &definition,
				   const TableDefinition &table)
{
	const ColumnDefinition *key = definition.key_column();
	const ColumnDefinition *column = table.is_child ? parent_column(definition, table) : key;
	if (key == nullptr || column == nullptr)
		return {};
	return "SELECT DISTINCT s.subject FROM unnest($1::text[], $2::text[]) s(subject, key), " +
		   quoted(table) + " t WHERE t." + pg::quote(column->name) + " = s.key::" + key->type.sql +
		   (!table.is_child && is_own(definition) ? " AND s.subject <> ALL ($3::text[])" : "") +
		   none_of(what_refers(catalog, definition, table));
}

std::vector<const Definition *>
definitions_about(const Catalog &catalog, const std::string &dataset)
{
	std::vector<const Definition *> left, order;
	for (const auto &[name, definition] : catalog.all())
		if (definition.subject && definition.subject->dataset == dataset)
			left.push_back(&definition);
	while (!left.empty())
	{
		// a definition to which none of the others refers; if references form a circle, any
		// definition
		auto next = std::find_if(left.begin(), left.end(),
								 [&](const Definition *candidate)
								 {
									 return std::none_of(
										 left.begin(), left.end(),
										 [&](const Definition *other)
										 {
											 if (other == candidate)
												 return false;
											 for (const ReferenceDefinition &r : other->references)
												 if (r.dataset == candidate->dataset)
													 return true;
											 return false;
										 });
								 });
		if (next == left.end())
			next = left.begin();
		order.push_back(*next);
		left.erase(next);
	}
	return order;
}

} // namespace etl
