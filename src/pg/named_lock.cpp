#include "pg/named_lock.h"

#include "pg/spi.h"

extern "C"
{
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
}

namespace pg
{

namespace
{

/// The lock tag of a name, from 47 bits of a hash (pg_locks shows the fourth field as signed). Two
/// names with the same hash would wait for each other. Call it inside pg::call().
LOCKTAG
tag_of(const char *name, size_t size)
{
	const uint64_t hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(name),
											  static_cast<int>(size), 0);
	const Oid relation = get_relname_relid("dataset", get_namespace_oid("etl", false));
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, relation, static_cast<uint32_t>(hash),
					   static_cast<uint16_t>((hash >> 32) & 0x7fff));
	return tag;
}

} // namespace

bool
lock_name(std::string_view name, LockKind kind, bool wait)
{
	return call(
		[=]
		{
			if (RecoveryInProgress())
				return true;
			const LOCKTAG tag = tag_of(name.data(), name.size());
			return LockAcquire(&tag, kind == LockKind::shared ? ShareLock : ExclusiveLock, false,
							   !wait) != LOCKACQUIRE_NOT_AVAIL;
		});
}

constexpr char find_holder_sql[] = R"(
SELECT pid
  FROM pg_locks
 WHERE locktype = 'object' AND granted AND mode = 'ExclusiveLock' AND database::bigint = $1
   AND classid::bigint = $2 AND objid::bigint = $3 AND objsubid::bigint = $4)";

int32_t
holder_of_name(std::string_view name)
{
	const LOCKTAG tag = call([=] { return tag_of(name.data(), name.size()); });
	const Rows rows = query(find_holder_sql, {param(static_cast<int64_t>(tag.locktag_field1)),
											  param(static_cast<int64_t>(tag.locktag_field2)),
											  param(static_cast<int64_t>(tag.locktag_field3)),
											  param(static_cast<int64_t>(tag.locktag_field4))});
	return rows.empty() ? 0 : rows.int4(0, 0);
}

} // namespace pg
