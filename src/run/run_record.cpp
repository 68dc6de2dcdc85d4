// A run as the catalog knows it: the dataset's lock, its numbers, its row in etl.run and how long
// it was at what.
#include <cstring>

#include "core/key_ring.h"
#include "core/staged_file.h"
#include "run/catalog_owner.h"
#include "run/run.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

int32_t
lock_dataset(const std::string &dataset, bool wait)
{
	const std::string name = "pg_etl dataset " + dataset;
	if (wait)
	{
		pg::execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", {pg::param(name)});
		return 0;
	}
	if (pg::query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", {pg::param(name)})
			.boolean(0, 0))
		return 0;
	const pg::Rows rows = pg::query(
		"SELECT pid FROM pg_locks, hashtextextended($1, 0) h(key)"
		" WHERE locktype = 'advisory' AND granted AND objsubid = 1"
		" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
		" AND classid::bigint = (h.key >> 32) & 4294967295 AND objid::bigint = h.key & 4294967295",
		{pg::param(name)});
	return rows.empty() ? -1 : rows.int4(0, 0);
}

void
mark_release(const std::string &dataset)
{
	pg::execute("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))",
				{pg::param("pg_etl release " + dataset)});
}

bool
is_only_released(const std::string &dataset)
{
	return !pg::query("SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1, 0))",
					  {pg::param("pg_etl release " + dataset)})
				.boolean(0, 0);
}

std::vector<int64_t>
allocate_ids(const std::string &sequence, size_t count)
{
	std::vector<int64_t> ids;
	if (count == 0)
		return ids;
	const pg::Rows rows = pg::query("SELECT nextval($1::regclass) FROM generate_series(1, $2)",
									{pg::param(sequence), pg::param(static_cast<int64_t>(count))});
	for (uint64_t i = 0; i < rows.size(); ++i)
		ids.push_back(rows.integer(i, 0));
	return ids;
}

RunResult
begin_run(const std::string &dataset)
{
	RunResult result;
	result.run_id = allocate_ids("etl.run_run_id_seq", 1)[0];
	result.dataset = dataset;
	result.status = "succeeded";
	result.started_at = GetCurrentTimestamp();
	return result;
}

void
finish_run(RunResult &result)
{
	// a clock that was put back meanwhile does not make it end before it began
	result.finished_at = std::max(result.started_at, GetCurrentTimestamp());
	result.times.end();
	const AsCatalogOwner owner;
	pg::execute("INSERT INTO etl.run (run_id, dataset, status, started_at, finished_at, files,"
				" records, loaded, quarantined, bytes, error, timings, sqlstate)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''),"
				" nullif($12, '')::jsonb, nullif($13, ''))",
				{pg::param(result.run_id), pg::param(result.dataset), pg::param(result.status),
				 pg::param_timestamptz(result.started_at),
				 pg::param_timestamptz(result.finished_at), pg::param(result.files),
				 pg::param(result.records), pg::param(result.loaded), pg::param(result.quarantined),
				 pg::param(result.bytes), pg::param(result.error),
				 pg::param(result.times.any() ? result.times.json() : std::string()),
				 pg::param(result.sqlstate)});
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

SipKey
subject_hash_key(const std::string &secret)
{
	const auto mac = hmac_sha256(erasure_key(secret), "etl.file.subjects");
	SipKey key;
	std::memcpy(key.data(), mac.data(), key.size());
	return key;
}

} // namespace etl
