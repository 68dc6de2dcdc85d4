#include "run/run_failures.h"

#include "catalog/sequence.h"
#include "core/base/utf8.h"
#include "core/records/partition.h"
#include "load/file_rows.h"
#include "pg/catalog_owner.h"
#include "pg/spi.h"

extern "C"
{
#include "utils/timestamp.h"
}

namespace etl
{

void
RunFailures::note(const std::string &path, const std::string &error)
{
	if (count_++ == 0)
		first_ = storable_text(path) + ": " + error;
}

constexpr char forget_failed_sql[] = R"(
DELETE FROM etl.file
 WHERE dataset = $1 AND status = 'failed' AND path = ANY ($2))";

void
RunFailures::forget_earlier(const std::vector<std::string_view> &paths) const
{
	if (paths.empty())
		return;
	const AsCatalogOwner owner;
	pg::execute(forget_failed_sql, {pg::param(definition_.dataset), pg::param_array(paths)});
}

void
RunFailures::record_directories(const Claim &claim)
{
	std::vector<std::string_view> paths(claim.readable().begin(), claim.readable().end());
	std::vector<RunFile> failed;
	for (const UnreadableDirectory &directory : claim.unreadable())
	{
		// for the directory of a day, its first hour
		const auto partition = parse_partition(directory.path + "name");
		const auto day = parse_partition(directory.path + "hour=0/name");
		RunFile &file = failed.emplace_back();
		file.path = directory.path;
		file.context = {(partition ? *partition : *day).pg_date(),
						static_cast<int16_t>(partition ? partition->hour : 0), result_.started_at};
		file.status = "failed";
		file.outcome.error = directory.error;
		file.outcome.sqlstate = directory.sqlstate;
		file.started_at = GetCurrentTimestamp();
		paths.push_back(directory.path);
		note(directory.path, directory.error);
	}
	forget_earlier(paths);
	if (failed.empty())
		return;
	const std::vector<int64_t> ids = allocate_ids("etl.file_file_id_seq", failed.size());
	for (size_t i = 0; i < failed.size(); ++i)
		failed[i].file_id = ids[i];
	insert_files(definition_.dataset, result_.run_id, failed);
	result_.files += static_cast<int32_t>(failed.size());
}

void
RunFailures::set_status() const
{
	if (count_ == 0)
		return;
	result_.status = count_ == result_.files ? "failed" : "partial";
	result_.error = std::to_string(count_) + " of " + std::to_string(result_.files) +
					" files failed, the first: " + first_;
}

} // namespace etl
