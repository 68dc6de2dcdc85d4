#include "pg/index_state.h"

#include <algorithm>
#include <climits>

#include "pg/spi.h"

extern "C"
{
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_index.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pg
{

namespace
{

/// An open relation counts its users. One of them is this function.
bool
is_empty_and_unused(Oid table)
{
	const Relation relation = try_relation_open(table, NoLock);
	if (relation == nullptr)
		return false;
	const bool yes = relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_refcnt == 1 &&
					 RelationGetNumberOfBlocks(relation) == 0;
	relation_close(relation, NoLock);
	return yes;
}

/// Sets the settings for building an index while it exists.
class BuildSettings
{
  public:
	explicit BuildSettings(size_t memory) : exceptions_(std::uncaught_exceptions())
	{
		const std::string kilobytes =
			std::to_string(std::clamp<size_t>(memory / 1024, 1024, MAX_KILOBYTES));
		const char *const value = kilobytes.c_str();
		level_ = call(
			[=]
			{
				const int level = NewGUCNestLevel();
				(void)set_config_option("maintenance_work_mem", value, PGC_USERSET, PGC_S_SESSION,
										GUC_ACTION_SAVE, true, 0, false);
				// a parallel worker logs its error itself, with "Key (…)=(…) is duplicated" as
				// DETAIL
				(void)set_config_option("log_error_verbosity", "terse", PGC_SUSET, PGC_S_SESSION,
										GUC_ACTION_SAVE, true, 0, false);
				return level;
			});
	}
	~BuildSettings()
	{
		// after an exception, the rollback restores the settings
		if (std::uncaught_exceptions() == exceptions_)
			AtEOXact_GUC(false, level_);
	}
	BuildSettings(const BuildSettings &) = delete;
	BuildSettings &operator=(const BuildSettings &) = delete;

  private:
	int exceptions_, level_;
};

} // namespace

bool
lock_empty_table(Oid table)
{
	return call(
		[=]
		{
			// check first, so that no lock is attempted on a table that does not qualify
			LockRelationOid(table, AccessShareLock);
			const bool locked = is_empty_and_unused(table) &&
								ConditionalLockRelationOid(table, ShareRowExclusiveLock);
			UnlockRelationOid(table, AccessShareLock);
			if (!locked || is_empty_and_unused(table))
				return locked;
			UnlockRelationOid(table, ShareRowExclusiveLock);
			return false;
		});
}

void
unlock_empty_table(Oid table)
{
	call([=] { UnlockRelationOid(table, ShareRowExclusiveLock); });
}

void
suspend_index(Oid index)
{
	call(
		[=]
		{
			const Relation catalog = table_open(IndexRelationId, RowExclusiveLock);
			const HeapTuple tuple = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(index));
			if (!HeapTupleIsValid(tuple))
				elog(ERROR, "cache lookup failed for index %u", index);
			const Form_pg_index form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
			form->indisvalid = form->indisready = false;
			CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
			CacheInvalidateRelcacheByRelid(form->indrelid);
			heap_freetuple(tuple);
			table_close(catalog, RowExclusiveLock);
			CommandCounterIncrement();
		});
}

bool
is_index_free(Oid index)
{
	return call(
		[=]
		{
			if (!ConditionalLockRelationOid(index, AccessExclusiveLock))
				return false;
			UnlockRelationOid(index, AccessExclusiveLock);
			return true;
		});
}

bool
build_suspended_index(Oid index, size_t memory)
{
	if (!call([=] { return ConditionalLockRelationOid(index, AccessExclusiveLock); }))
		return false;
	const BuildSettings settings(memory);
	const char *const schema = call([=] { return get_namespace_name(get_rel_namespace(index)); });
	const char *const name = call([=] { return get_rel_name(index); });
	execute("REINDEX INDEX " + quote(schema, name));
	return true;
}

/// Does the last phases of CREATE INDEX CONCURRENTLY, which insert each row that the index does not
/// have. Here these are all rows of the table.
void
fill_suspended_index(Oid table, Oid index)
{
	call(
		[=]
		{
			index_set_state_flags(index, INDEX_CREATE_SET_READY);
			CommandCounterIncrement();
			const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
			PushActiveSnapshot(snapshot);
			validate_index(table, index, snapshot);
			PopActiveSnapshot();
			UnregisterSnapshot(snapshot);
			index_set_state_flags(index, INDEX_CREATE_SET_VALID);
			CacheInvalidateRelcacheByRelid(table);
			CommandCounterIncrement();
		});
}

} // namespace pg
