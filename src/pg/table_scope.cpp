#include "pg/table_scope.h"

#include <exception>

#include "pg/spi.h"

extern "C"
{
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace pg
{

namespace
{

/// May somebody who is this role become that one?
bool
can_become(Oid role, Oid other)
{
#if PG_VERSION_NUM >= 160000
	return member_can_set_role(role, other);
#else
	return is_member_of_role(role, other);
#endif
}

/// Unqualified names in the owner's code mean what they mean to who called the extension, as in
/// COPY.
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

} // namespace

Actor
actor_on(Oid relation)
{
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("a target table was dropped in the meantime")));
	const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	const Oid user = GetUserId();
	const bool to_owner = can_become(user, owner) && !can_become(owner, user);
	const Oid role = to_owner ? owner : user;
	// inside a SECURITY DEFINER function nobody can go back to the session's user anyway
	const bool trusted =
		can_become(role, user) && (InLocalUserIdChange() || can_become(role, GetSessionUserId()));
	return {role, trusted ? 0 : SECURITY_RESTRICTED_OPERATION};
}

TableScope::TableScope(const Actor &actor)
	: exceptions_(std::uncaught_exceptions()), guc_level_(begin_callers_settings()),
	  run_as_(actor.role, actor.security_flags)
{
}

TableScope::~TableScope()
{
	// an error's rollback does it otherwise
	if (std::uncaught_exceptions() <= exceptions_)
		AtEOXact_GUC(false, guc_level_);
}

} // namespace pg
