// The lines of etl.health about etl.raw_dir, etl.processed_dir and etl.archive_dir.
#include <sys/statvfs.h>

#include "core/base/sqlstate.h"
#include "pg/guard.h"
#include "pg/limits.h"
#include "pg/settings.h"
#include "pg/srf.h"

namespace
{

/// The bytes that the server's user can still write below `path`; the largest number if that is not
/// known.
uint64_t
free_bytes(const std::string &path)
{
	struct statvfs info;
	return statvfs(path.c_str(), &info) == 0 ? uint64_t(info.f_bavail) * info.f_frsize : UINT64_MAX;
}

} // namespace

/// (check_name, status, message, hint): whether a run could begin, and whether there is room.
PG_ETL_ENTRY(etl_directory_check)
{
	pg::ResultSet result(fcinfo);
	const auto add = [&](const char *status, const std::string &message, const std::string &hint)
	{
		result.add({pg::Cell::text("directories"), pg::Cell::text(status), pg::Cell::text(message),
					pg::Cell::text_or_null(hint)});
		return static_cast<Datum>(0);
	};
	const pg::Settings settings = pg::Settings::current();
	try
	{
		settings.require_folders();
	}
	catch (const pg::Error &error)
	{
		return add("error", error.what(), error.hint());
	}
	for (const auto &[name, path] : {std::pair("etl.processed_dir", settings.processed_dir),
									 std::pair("etl.archive_dir", settings.archive_dir)})
		if (const uint64_t bytes = free_bytes(path); bytes < etl::limits::little_room)
			return add("warning",
					   std::string(name) + " \"" + path + "\" has " + std::to_string(bytes >> 20) +
						   " MB left",
					   "Make room, or let etl_retention remove what is not kept any longer.");
	return add("ok", "every directory is there, and a run may use it", "");
}
