#include "catalog/sequence.h"

#include "pg/catalog_owner.h"
#include "pg/spi.h"

namespace etl
{

constexpr char next_values_sql[] = R"(SELECT nextval($1::regclass) FROM generate_series(1, $2))";

std::vector<int64_t>
allocate_ids(const std::string &sequence, size_t count)
{
	std::vector<int64_t> ids;
	if (count == 0)
		return ids;
	const AsCatalogOwner owner;
	const pg::Rows rows =
		pg::query(next_values_sql, {pg::param(sequence), pg::param(static_cast<int64_t>(count))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		ids.push_back(rows.integer(i, 0));
	return ids;
}

} // namespace etl
