#include "catalog/former_definitions.h"

#include <unordered_map>

#include "core/definition/definition.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/spi.h"

namespace etl
{

constexpr char note_definition_sql[] = R"(
INSERT INTO etl.former_definition (dataset, defined_at, definition)
SELECT name, defined_at, definition
  FROM etl.dataset
 WHERE name = $1
ON CONFLICT DO NOTHING)";

void
note_former_definition(const std::string &dataset)
{
	const AsCatalogOwner owner;
	pg::execute(note_definition_sql, {pg::param(dataset)});
}

constexpr char read_former_definitions_sql[] = R"(
SELECT f.dataset, f.defined_at, f.replaced_at, f.definition::text
  FROM etl.former_definition f
  LEFT JOIN etl.dataset d ON d.name = f.dataset
 WHERE d.definition IS DISTINCT FROM f.definition
 ORDER BY f.dataset, f.defined_at)";

std::vector<FormerDefinition>
former_definitions()
{
	const auto stored = []
	{
		const AsCatalogOwner owner;
		return pg::query(read_former_definitions_sql);
	};
	const pg::Rows rows = stored();
	std::vector<FormerDefinition> former;
	// the same text may have been in force several times
	std::unordered_map<std::string, size_t> read;
	for (uint64_t i = 0; i < rows.size(); ++i)
	{
		FormerDefinition next{rows.text(i, 0), rows.integer(i, 1), rows.integer(i, 2), {}, {}};
		const std::string text = rows.text(i, 3);
		if (const auto [known, is_new] = read.try_emplace(text, i); !is_new)
		{
			next.definition = former[known->second].definition;
			next.error = former[known->second].error;
		}
		else
			try
			{
				next.definition = std::make_shared<const Definition>(read_definition(text));
			}
			catch (const pg::Error &e)
			{
				next.error = e.detail();
			}
		former.push_back(std::move(next));
	}
	return former;
}

constexpr char find_dropped_datasets_sql[] = R"(
SELECT DISTINCT f.dataset
  FROM etl.former_definition f
 WHERE NOT EXISTS (SELECT FROM etl.dataset d WHERE d.name = f.dataset)
 ORDER BY 1)";

std::vector<std::string>
dropped_datasets()
{
	const AsCatalogOwner owner;
	const pg::Rows rows = pg::query(find_dropped_datasets_sql);
	std::vector<std::string> names;
	for (uint64_t i = 0; i < rows.size(); ++i)
		names.push_back(rows.text(i, 0));
	return names;
}

constexpr char has_records_sql[] = R"(
SELECT EXISTS (SELECT FROM etl.quarantine
                WHERE dataset = $1 AND record IS NOT NULL AND record <> '"[erased]"')
       OR EXISTS (SELECT FROM etl.file
                   WHERE dataset = $1
                     AND (archived_path IS NOT NULL OR processed_path IS NOT NULL)))";

bool
holds_records(const std::string &dataset)
{
	const AsCatalogOwner owner;
	return pg::query(has_records_sql, {pg::param(dataset)}).boolean(0, 0);
}

} // namespace etl
