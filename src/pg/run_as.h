// Acts as another role for a while.
#pragma once

#include "pg/guard.h"

namespace pg
{

/// While an object of this class exists, the current user is `role`. The destructor restores the
/// previous user, also after an ereport or exception. When a subtransaction inside is rolled back,
/// the user is `role` again, as at its beginning.
///
/// security_flags are added to those in effect: SECURITY_LOCAL_USERID_CHANGE if the extension's own
/// code runs, SECURITY_RESTRICTED_OPERATION if code of the role runs. Both forbid SET ROLE and SET
/// SESSION AUTHORIZATION, so that code inside cannot change the role.
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

/// The owner of the extension pg_etl and of its catalog. Throws 55000 if this database does not
/// have the extension. The owner is looked up in each call, by an index, because the extension may
/// be dropped and created again by another role without notice.
Oid extension_owner();

} // namespace pg
