#include "catalog/dataset_lock.h"

#include "pg/named_lock.h"

namespace etl
{

int32_t
lock_dataset(const std::string &dataset, bool wait)
{
	const std::string name = "pg_etl dataset " + dataset;
	if (pg::lock_name(name, pg::LockKind::exclusive, wait))
		return 0;
	const int32_t pid = pg::holder_of_name(name);
	return pid == 0 ? -1 : pid;
}

void
mark_release(const std::string &dataset)
{
	(void)pg::lock_name("pg_etl release " + dataset, pg::LockKind::exclusive, false);
}

bool
is_only_released(const std::string &dataset)
{
	return !pg::lock_name("pg_etl release " + dataset, pg::LockKind::shared, false);
}

void
lock_definitions(bool defines)
{
	(void)pg::lock_name("pg_etl definitions",
						defines ? pg::LockKind::exclusive : pg::LockKind::shared, true);
}

} // namespace etl
