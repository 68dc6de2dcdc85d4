// Acting as another role for a while.
#pragma once

#include "pg/guard.h"

namespace pg
{

/// While it lives, the current user is another one. The destructor puts back what was, also when an
/// ereport or exception unwinds; a subtransaction that is rolled back inside restores what it began
/// with, which is this role.
///
/// security_flags are added to those in force: SECURITY_LOCAL_USERID_CHANGE where the code that
/// runs is ours, SECURITY_RESTRICTED_OPERATION where it is the role's own. Either forbids SET ROLE
/// and SET SESSION AUTHORIZATION, so that nobody leaves the role from inside.
class RunAs
{
  public:
	RunAs(Oid role, int security_flags)
	{
		GetUserIdAndSecContext(&user_, &context_);
		SetUserIdAndSecContext(role, context_ | security_flags);
	}
	~RunAs() { SetUserIdAndSecContext(user_, context_); }
	RunAs(const RunAs &) = delete;
	RunAs &operator=(const RunAs &) = delete;

  private:
	Oid user_;
	int context_;
};

/// The owner of extension pg_etl, who owns its catalog. 55000 when this database has no such
/// extension. Looked up each time, by an index: the extension may be dropped and made again by
/// somebody else, and nothing tells of that.
Oid extension_owner();

} // namespace pg
