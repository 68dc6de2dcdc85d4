// The SQL functions that pause and resume datasets: etl_pause, etl_resume.
#include <optional>
#include <string>

#include "catalog/definitions.h"
#include "catalog/pause.h"
#include "erase/hold.h"
#include "pg/arguments.h"
#include "pg/catalog_owner.h"
#include "pg/exclusive_call.h"
#include "pg/spi.h"
#include "pg/srf.h"

namespace etl
{

namespace
{

constexpr char insert_pause_sql[] = R"(
INSERT INTO etl.pause (dataset, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING)";

constexpr char read_pause_row_sql[] = R"(
SELECT p FROM etl.pause p WHERE p.dataset IS NOT DISTINCT FROM $1::text AND p.resumed_at IS NULL)";

constexpr char resume_sql[] = R"(
UPDATE etl.pause
   SET resumed_at = clock_timestamp(), resumed_by = session_user
 WHERE resumed_at IS NULL AND ($1::text IS NULL OR dataset = $1)
RETURNING *)";

/// The dataset of an argument that may be null. Throws 42704 for one that is not defined.
std::optional<std::string>
dataset_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		return {};
	std::string dataset = pg::text_argument(fcinfo, 0);
	Catalog::load().require_known(dataset);
	return dataset;
}

} // namespace

/// etl_pause(dataset text, reason text)
PG_ETL_ENTRY(etl_pause)
{
	const ExclusiveCall exclusive_call(fcinfo);
	const std::string reason = required_reason(fcinfo, 1);
	const pg::Spi spi;
	const std::optional<std::string> dataset = dataset_argument(fcinfo);
	const AsCatalogOwner owner;
	if (pg::execute(insert_pause_sql, {pg::param(dataset), pg::param(reason)}) == 0)
		pg::notice(NOTICE, dataset ? "dataset \"" + *dataset + "\" is paused already"
								   : std::string("all datasets are paused already"));
	return pg::query_value(read_pause_row_sql, {pg::param(dataset)});
}

/// etl_resume(dataset text)
PG_ETL_ENTRY(etl_resume)
{
	const ExclusiveCall exclusive_call(fcinfo);
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const std::optional<std::string> dataset = dataset_argument(fcinfo);
	{
		const AsCatalogOwner owner;
		const pg::Rows rows = pg::query(resume_sql, {pg::param(dataset)});
		for (uint64_t i = 0; i < rows.size(); ++i)
			result.add_tuple(rows.tuple(i));
	}
	if (dataset)
		if (const std::optional<std::string> pause = pause_of(*dataset))
			pg::notice(NOTICE, "dataset \"" + *dataset + "\" is still not run: " + *pause, "",
					   "SELECT * FROM etl_resume(); ends every pause.");
	return static_cast<Datum>(0);
}

} // namespace etl
