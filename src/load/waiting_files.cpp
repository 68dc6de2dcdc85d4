#include "load/waiting_files.h"

#include <fcntl.h>

#include "catalog/definitions.h"
#include "core/base/scoped_fd.h"
#include "core/base/utf8.h"
#include "core/files/beneath.h"
#include "core/files/open_for_writing.h"
#include "load/claim.h"
#include "pg/srf.h"

namespace etl
{

const char *
why_waits(const FileIdentity &identity, int settle_seconds, const std::function<int()> &open)
{
	if (is_young(identity.modified_ns, settle_seconds))
		return "younger than etl.settle_time";
	const ScopedFd fd(open());
	return fd && writers_of(fd.get()) == Writers::some ? "open for writing" : nullptr;
}

void
WaitingFiles::add(const std::string &path, const char *reason)
{
	if (count++ > 0)
		return;
	first = path;
	why = reason;
}

void
WaitingFiles::tell(const std::string &dataset) const
{
	if (count == 0)
		return;
	pg::notice(NOTICE,
			   std::to_string(count) + (count == 1 ? " file" : " files") + " of dataset \"" +
				   dataset + (count == 1 ? "\" waits" : "\" wait") + " to be complete",
			   std::string(count == 1 ? "" : "The first: ") + "\"" + storable_text(first) +
				   "\" is " + why + ".",
			   "SELECT * FROM etl.waiting;  A run that finds them complete loads them.");
}

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_waiting_files)
{
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	const Catalog catalog = Catalog::load();
	const pg::Settings settings = pg::Settings::current();
	if (settings.raw_dir.empty())
		return static_cast<Datum>(0);
	const auto add = [&](const StagedFile &file)
	{
		const std::string dataset = file.partition ? catalog.claimant(file.name()) : "";
		if (dataset.empty())
			return;
		const char *const why =
			why_waits(file.identity, settings.settle_time,
					  [&] {
						  return beneath::open(settings.raw_dir + "/" + file.path,
											   O_RDONLY | O_NONBLOCK | O_NOCTTY);
					  });
		if (why == nullptr)
			return;
		result.add({pg::Cell::text(dataset), pg::Cell::text(storable_text(file.path)),
					pg::Cell::bigint(static_cast<int64_t>(file.identity.size)),
					pg::Cell::timestamptz(file.identity.modified_ns / 1000 - unix_to_pg_epoch),
					pg::Cell::text(why)});
	};
	// unreadable directories are failures of a run and listed in etl.unclaimed
	for_staged_files(settings.raw_dir, add, [](const UnreadableDirectory &) {});
	return static_cast<Datum>(0);
}
