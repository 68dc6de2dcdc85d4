#include "load/row_partition.h"

#include <algorithm>

#include "core/base/hash.h"
#include "core/definition/definition.h"
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

/// Of keys, as the catalog has them: the first half of their SHA-256.
pg::Param
hashes_of(const std::vector<std::string_view> &keys)
{
	constexpr size_t size = 16;
	std::string bytes;
	bytes.reserve(keys.size() * size);
	for (const std::string_view key : keys)
	{
		const auto hash = sha256(key);
		bytes.append(reinterpret_cast<const char *>(hash.data()), size);
	}
	std::vector<std::string_view> hashes;
	hashes.reserve(keys.size());
	for (size_t i = 0; i < keys.size(); ++i)
		hashes.push_back(std::string_view(bytes).substr(i * size, size));
	return pg::param_array(BYTEAOID, hashes);
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

std::vector<size_t>
late_rows(const std::string &dataset, const std::vector<std::string_view> &keys,
		  const std::vector<int64_t> &hours)
{
	const pg::Rows rows =
		pg::query("SELECT k.i FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY"
				  " k(hash, hour, i) JOIN etl.row_partition p ON p.dataset = $1"
				  " AND p.key_hash = k.hash AND p.hour > k.hour",
				  {pg::param(dataset), hashes_of(keys), pg::param_array(hours)});
	std::vector<size_t> late;
	for (uint64_t i = 0; i < rows.size(); ++i)
		late.push_back(static_cast<size_t>(rows.integer(i, 0) - 1));
	return late;
}

void
note_row_partitions(const std::string &dataset, const std::vector<std::string_view> &keys,
					const std::vector<int64_t> &hours)
{
	if (keys.empty())
		return;
	const AsCatalogOwner owner;
	pg::execute("INSERT INTO etl.row_partition AS p (dataset, key_hash, hour)"
				" SELECT $1, k.hash, max(k.hour) FROM unnest($2::bytea[], $3::bigint[])"
				" k(hash, hour) GROUP BY k.hash"
				" ON CONFLICT (dataset, key_hash) DO UPDATE SET hour = excluded.hour"
				" WHERE p.hour <> excluded.hour",
				{pg::param(dataset), hashes_of(keys), pg::param_array(hours)});
}

void
forget_row_partitions(const std::string &dataset, const std::vector<std::string_view> &keys)
{
	const AsCatalogOwner owner;
	pg::execute("DELETE FROM etl.row_partition p USING unnest($2::bytea[]) k(hash)"
				" WHERE p.dataset = $1 AND p.key_hash = k.hash",
				{pg::param(dataset), hashes_of(keys)});
}

} // namespace etl
