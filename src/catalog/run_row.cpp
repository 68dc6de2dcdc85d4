#include "catalog/run_row.h"

#include "catalog/indexed_as.h"
#include "catalog/sequence.h"
#include "pg/catalog_owner.h"
#include "pg/guard.h"
#include "pg/spi.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

RunResult
begin_run(const Catalog &catalog, const std::string &dataset)
{
	RunResult result;
	result.defined_at = catalog.defined_at(dataset);
	if (const Definition *definition = catalog.find(dataset))
		result.indexed_as = indexed_as(catalog, *definition);
	result.run_id = allocate_ids("etl.run_run_id_seq", 1)[0];
	result.dataset = dataset;
	result.status = "succeeded";
	result.started_at = GetCurrentTimestamp();
	return result;
}

constexpr char insert_run_sql[] = R"(
INSERT INTO etl.run (run_id, dataset, status, started_at, finished_at, files, records, loaded,
                     quarantined, bytes, error, timings, sqlstate, defined_at, indexed_as)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), nullif($12, '')::jsonb,
        nullif($13, ''), CASE WHEN $15 THEN $14::timestamptz END, nullif($16, '')))";

void
finish_run(RunResult &result)
{
	// the clock may have been set back meanwhile, but a run must not end before it began
	result.finished_at = std::max(result.started_at, GetCurrentTimestamp());
	result.times.end();
	const AsCatalogOwner owner;
	pg::execute(insert_run_sql,
				{pg::param(result.run_id), pg::param(result.dataset), pg::param(result.status),
				 pg::param_timestamptz(result.started_at),
				 pg::param_timestamptz(result.finished_at), pg::param(result.files),
				 pg::param(result.records), pg::param(result.loaded), pg::param(result.quarantined),
				 pg::param(result.bytes), pg::param(result.error),
				 pg::param(result.times.any() ? result.times.json() : std::string()),
				 pg::param(result.sqlstate), pg::param_timestamptz(result.defined_at.value_or(0)),
				 pg::param(result.defined_at.has_value()), pg::param(result.indexed_as)});
	note_indexed_run(result.dataset, result.indexed_as);
}

void
note_failure(RunResult &result, const RunResult &before, const pg::Error &error)
{
	result = before;
	result.status = result.loaded > 0 ? "partial" : "failed";
	result.sqlstate = error.sqlstate();
	result.error = error.what();
	if (!error.detail().empty())
		result.error += ": " + error.detail();
}

void
StageTimes::begin(Stage stage)
{
	const auto now = std::chrono::steady_clock::now();
	if (now_ != count)
		milliseconds_[now_] += std::chrono::duration<double, std::milli>(now - since_).count();
	any_ = true;
	now_ = stage;
	since_ = now;
}

std::string
StageTimes::json() const
{
	static const char *const names[] = {"claim",      "stage", "check",  "load",
										"quarantine", "erase", "export", "archive"};
	std::string json = "{";
	for (size_t i = 0; i < count; ++i)
	{
		char number[32];
		snprintf(number, sizeof number, "%.3f", milliseconds_[i]);
		json += std::string(i > 0 ? ", \"" : "\"") + names[i] + "\": " + number;
	}
	return json + "}";
}

} // namespace etl
