#include "catalog/pause.h"

#include "pg/catalog_owner.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

constexpr char read_pause_sql[] = R"(
SELECT format('%s paused by %s since %s: %s',
              CASE WHEN dataset IS NULL THEN 'all datasets are' ELSE 'the dataset is' END,
              paused_by, to_char(paused_at, 'YYYY-MM-DD HH24:MI TZ'), reason)
  FROM etl.pause
 WHERE resumed_at IS NULL AND (dataset = $1 OR dataset IS NULL)
 ORDER BY dataset IS NULL
 LIMIT 1)";

constexpr char end_pause_sql[] = R"(
UPDATE etl.pause
   SET resumed_at = clock_timestamp(), resumed_by = session_user
 WHERE dataset = $1 AND resumed_at IS NULL)";

} // namespace

std::optional<std::string>
pause_of(const std::string &dataset)
{
	const AsCatalogOwner owner;
	const pg::Rows rows = pg::query(read_pause_sql, {pg::param(dataset)});
	if (rows.empty())
		return {};
	return rows.text(0, 0);
}

void
end_pause(const std::string &dataset)
{
	const AsCatalogOwner owner;
	pg::execute(end_pause_sql, {pg::param(dataset)});
}

} // namespace etl
