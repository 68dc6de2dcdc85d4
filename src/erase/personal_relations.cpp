#include "erase/personal_relations.h"

#include "anonymize/treated_columns.h"
#include "catalog/definitions.h"
#include "catalog/table_tree.h"
#include "core/definition/definition.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/spi.h"
#include "pg/srf.h"

namespace etl
{

namespace
{

/// The columns whose values must not stay.
std::vector<std::string>
columns_to_treat(const Definition &definition, const TableDefinition &table)
{
	std::vector<std::string> names;
	if (definition.subject && definition.subject->on_erasure == OnErasure::remove)
		for (const ColumnDefinition &column : table.columns)
			names.push_back(column.name);
	else
		for (const PersonalColumn &personal : personal_columns(definition, table))
			names.push_back(personal.column->name);
	return names;
}

pg::Param
array_of(const std::vector<std::string> &texts)
{
	return pg::param_array(std::vector<std::string_view>(texts.begin(), texts.end()));
}

/// The oids of target tables that exist and are about the people of the dataset; about any people
/// where dataset is null.
std::vector<int64_t>
targets_about(const Catalog &catalog, const std::string *dataset)
{
	std::vector<int64_t> oids;
	for (const auto &[name, definition] : catalog.all())
		if (definition.subject && (dataset == nullptr || definition.subject->dataset == *dataset))
			for (const TableDefinition &table : definition.tables)
				if (const Oid oid = find_table(table); OidIsValid(oid))
					oids.push_back(oid);
	return oids;
}

/// The rows of etl.personal_relation, with the oid that the relation has now (null where it is
/// gone) and whether the noted column numbers still apply. In another database (a dump was
/// restored) the relation is found by its name.
const std::string known_relations_sql =
	"(SELECT h.relation_oid, h.origin, h.dataset, h.people, h.columns, h.origin = o.origin AS same,"
	"  CASE WHEN h.origin = o.origin THEN h.relation_oid"
	"   ELSE pg_catalog.to_regclass(h.name)::oid END AS relation"
	" FROM etl.personal_relation h CROSS JOIN etl_internal.this_database() o(origin))";

/// Relations that have contained people and are not behind any target table: their names, datasets
/// and oids.
pg::Rows
former(const Catalog &catalog, const std::string *dataset)
{
	const AsCatalogOwner owner;
	return pg::query("SELECT DISTINCT format('%I.%I', n.nspname, c.relname), h.dataset,"
					 " c.oid::bigint FROM " +
						 known_relations_sql +
						 " h JOIN pg_class c ON c.oid = h.relation"
						 " JOIN pg_namespace n ON n.oid = c.relnamespace"
						 " WHERE ($2 = '' OR h.people = $2) AND c.relkind IN ('r', 'p', 'f')"
						 " AND c.oid NOT IN (" +
						 std::string(relations_behind_sql) + ") ORDER BY 1",
					 {pg::param_array(targets_about(catalog, dataset)),
					  pg::param(dataset == nullptr ? std::string() : *dataset)});
}

} // namespace

void
note_personal_relations(const Definition &definition)
{
	if (!definition.subject)
		return;
	const AsCatalogOwner owner;
	for (const TableDefinition &table : definition.tables)
	{
		const Oid oid = find_table(table);
		if (!OidIsValid(oid))
			continue;
		const std::string now =
			"WITH now AS (SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, o.origin,"
			" ARRAY(SELECT a.attnum || ' ' || a.attname FROM pg_attribute a"
			"  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
			"  AND a.attname = ANY ($4) ORDER BY 1) AS columns FROM (" +
			std::string(relations_behind_sql) +
			") b JOIN pg_class c ON c.oid = b.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
			" CROSS JOIN etl_internal.this_database() o(origin) WHERE c.relkind IN ('r', 'p', "
			"'f'))";
		const std::initializer_list<pg::Param> params = {
			pg::param_array(std::vector<int64_t>{static_cast<int64_t>(oid)}),
			pg::param(definition.dataset), pg::param(definition.subject->dataset),
			array_of(columns_to_treat(definition, table))};
		// columns are noted by number, because a column may be renamed
		pg::execute(
			now +
				" UPDATE etl.personal_relation r SET relation_oid = n.oid, origin = n.origin,"
				" name = n.name, dataset = $2, people = $3,"
				" columns = ARRAY(SELECT x FROM unnest(n.columns) x UNION"
				"  SELECT CASE WHEN h.same THEN x ELSE (SELECT a.attnum || ' ' || a.attname"
				"   FROM pg_attribute a WHERE a.attrelid = n.oid AND a.attnum > 0"
				"   AND a.attname = substr(x, strpos(x, ' ') + 1)) END FROM unnest(h.columns) x)"
				" FROM now n JOIN " +
				known_relations_sql +
				" h ON h.relation = n.oid"
				" WHERE (r.relation_oid, r.origin) = (h.relation_oid, h.origin)"
				" AND ((r.name, r.dataset, r.people) <> (n.name, $2, $3) OR NOT h.same"
				"  OR NOT h.columns @> n.columns)",
			params);
		pg::execute(now +
						" INSERT INTO etl.personal_relation (relation_oid, origin, name, dataset,"
						" people, columns) SELECT n.oid, n.origin, n.name, $2, $3, n.columns"
						" FROM now n WHERE NOT EXISTS (SELECT FROM " +
						known_relations_sql + " h WHERE h.relation = n.oid) ON CONFLICT DO NOTHING",
					params);
	}
}

std::vector<std::pair<std::string, std::string>>
former_places(const Catalog &catalog, const std::string &dataset)
{
	std::vector<std::pair<std::string, std::string>> places;
	const pg::Rows rows = former(catalog, &dataset);
	for (uint64_t i = 0; i < rows.size(); ++i)
		places.emplace_back(
			rows.text(i, 0),
			"it has held records of dataset \"" + rows.text(i, 1) + "\" and " +
				(catalog.find(rows.text(i, 1)) == nullptr
					 ? "the dataset is not defined any more"
					 : "is none of its tables any more, nor a part of one") +
				": what it holds about the person is not treated; etl_locate looks there");
	for (const auto &[name, definition] : catalog.all())
		if (definition.subject && definition.subject->dataset == dataset)
			for (const TableDefinition &table : definition.tables)
			{
				const Oid oid = find_table(table);
				if (!OidIsValid(oid))
					continue;
				const AsCatalogOwner owner;
				const pg::Rows columns = pg::query(
					"SELECT DISTINCT a.attname::text FROM " + known_relations_sql +
						" h CROSS JOIN unnest(h.columns) x JOIN pg_attribute a"
						" ON a.attrelid = h.relation AND a.attnum > 0 AND NOT a.attisdropped"
						" AND CASE WHEN h.same THEN a.attnum = split_part(x, ' ', 1)::smallint"
						"  ELSE a.attname = substr(x, strpos(x, ' ') + 1) END"
						" WHERE h.relation = $1::oid AND NOT a.attname = ANY ($2) ORDER BY 1",
					{pg::param(static_cast<int64_t>(oid)),
					 array_of(columns_to_treat(definition, table))});
				for (uint64_t i = 0; i < columns.size(); ++i)
					places.emplace_back(table.schema + "." + table.name,
										"column \"" + columns.text(i, 0) +
											"\" has held what a definition of dataset \"" + name +
											"\" called personal, and is not treated any more");
			}
	return places;
}

std::vector<Oid>
former_relations(const Catalog &catalog)
{
	std::vector<Oid> relations;
	const pg::Rows rows = former(catalog, nullptr);
	for (uint64_t i = 0; i < rows.size(); ++i)
		relations.push_back(static_cast<Oid>(rows.integer(i, 2)));
	return relations;
}

void
warn_of_erased_people(const Catalog &catalog, const Definition &definition)
{
	for (const TableDefinition &table : definition.tables)
	{
		const Oid oid = find_table(table);
		if (!OidIsValid(oid))
			continue;
		const auto erased = [&]
		{
			const AsCatalogOwner owner;
			return pg::query(
				"SELECT t.dataset, count(*) FROM etl.tombstone t WHERE t.kind = 'subject'"
				" AND t.reinstated_at IS NULL AND t.dataset IN (SELECT h.people FROM " +
					known_relations_sql +
					// people of the datasets whose rows were in this relation or in a relation
					// behind it
					" h WHERE h.relation IN (" + std::string(relations_behind_sql) +
					")) GROUP BY 1 ORDER BY 1",
				{pg::param_array(std::vector<int64_t>{static_cast<int64_t>(oid)})});
		};
		const pg::Rows rows = erased();
		for (uint64_t i = 0; i < rows.size(); ++i)
		{
			const std::string people = rows.text(i, 0);
			if (people == definition.dataset || catalog.defined_at(people) ||
				(definition.subject && definition.subject->dataset == people))
				continue;
			const int64_t count = rows.integer(i, 1);
			pg::notice(WARNING,
					   "table " + quoted(table) + " has held people of dataset \"" + people +
						   "\", of whom " + std::to_string(count) +
						   (count == 1 ? " was erased" : " were erased"),
					   "Dataset \"" + people + "\" is not defined any more, and dataset \"" +
						   definition.dataset +
						   "\" does not know them: records about them are loaded as they come.",
					   "Define it under the name \"" + people +
						   "\", or have the same people erased of this dataset.");
		}
	}
}

} // namespace etl

using namespace etl;

/// etl.former_places(dataset): (place, remark)
PG_ETL_ENTRY(etl_former_places)
{
	const std::string dataset = pg::required_text(fcinfo, 0, "dataset");
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	for (const auto &[place, remark] : former_places(Catalog::load(), dataset))
		result.add({pg::Cell::text(place), pg::Cell::text(remark)});
	return static_cast<Datum>(0);
}
