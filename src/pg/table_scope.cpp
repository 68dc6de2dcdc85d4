#include "pg/table_scope.h"

#include <exception>

#include "pg/spi.h"

extern "C"
{
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace pg
{

bool
can_become(Oid role, Oid other)
{
#if PG_VERSION_NUM >= 160000
	return member_can_set_role(role, other);
#else
	return is_member_of_role(role, other);
#endif
}

namespace
{

/// Sets the search_path of whoever called the extension, because unqualified names in the owner's
/// code must have the same meaning as with COPY.
int
begin_callers_settings()
{
	const char *path = Spi::callers_search_path();
	return call(
		[=]
		{
			const int level = NewGUCNestLevel();
			(void)set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
									GUC_ACTION_SAVE, true, 0, false);
			return level;
		});
}

/// The owner of the relation.
Oid
owner_of(Oid relation)
{
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("a target table was dropped in the meantime")));
	const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/// Whether all owners can become the role by themselves, so that their code may run as this role.
bool
is_at_most_all(Oid role, const List *owners)
{
	const ListCell *cell;
	foreach (cell, owners)
		if (lfirst_oid(cell) != role && !can_become(lfirst_oid(cell), role))
			return false;
	return true;
}

} // namespace

Actor
actor_on(Oid relation)
{
	const Oid user = GetUserId();
	// the owner of the table is first; a partition or child with another owner has code of that
	// owner
	List *owners = list_make1_oid(owner_of(relation));
	if (has_subclass(relation))
	{
		ListCell *cell;
		foreach (cell, find_all_inheritors(relation, NoLock, nullptr))
			owners = list_append_unique_oid(owners, owner_of(lfirst_oid(cell)));
	}
	// If the code of some owner must not run as the current user, all code runs as one of these
	// owners. No code may run as a role that its owner cannot become.
	Oid role = user;
	bool any_less = false;
	ListCell *cell;
	foreach (cell, owners)
	{
		const Oid owner = lfirst_oid(cell);
		if (!can_become(user, owner) || can_become(owner, user))
			continue;
		any_less = true;
		if (is_at_most_all(owner, owners))
		{
			role = owner;
			break;
		}
	}
	if (any_less && role == user)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("cannot work on a table whose partitions belong to several roles"),
						errdetail("The code of one of them would run with the rights of another."),
						errhint("Give them one owner with ALTER TABLE … OWNER TO.")));
	list_free(owners);
	// The owner's code could switch back to the session's user, or to the user who has logged in.
	// Inside a SECURITY DEFINER function this is not possible.
	const bool trusted = can_become(role, user) &&
						 (InLocalUserIdChange() || (can_become(role, GetSessionUserId()) &&
													can_become(role, GetAuthenticatedUserId())));
	return {role, trusted ? 0 : SECURITY_RESTRICTED_OPERATION};
}

TableScope::TableScope(const Actor &actor)
	: exceptions_(std::uncaught_exceptions()), guc_level_(begin_callers_settings()),
	  run_as_(actor.role, actor.security_flags)
{
}

TableScope::~TableScope()
{
	// after an error, the rollback restores the settings
	if (std::uncaught_exceptions() <= exceptions_)
		AtEOXact_GUC(false, guc_level_);
}

} // namespace pg
