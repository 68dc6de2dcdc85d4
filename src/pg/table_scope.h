// The role and the search_path with which statements work on a target table.
#pragma once

#include "pg/run_as.h"

namespace pg
{

/// The role as which a target table's own code runs.
struct Actor
{
	Oid role;
	int security_flags;
};

/// Whether `role` can become `other` by SET ROLE. Call it inside pg::call().
bool can_become(Oid role, Oid other);

/// Code that the table's owner has put on the table (triggers, checks, defaults, index expressions,
/// policies) runs as one of these roles:
/// - the owner, if the current user can become the owner and not vice versa, so that the code does
///   not get the additional rights of the current user;
/// - the owner of a partition or child, if this holds for that owner and not for the table's owner,
///   or if the table's owner can become that owner too;
/// - otherwise the current user, as with COPY.
///
/// If the code of one owner in the tree would run as another owner whom the first cannot become,
/// 42501 is raised.
///
/// If the role has less rights than the current user, the session's user or the user who has logged
/// in, the code runs in a security-restricted operation, as in VACUUM, REINDEX and logical
/// replication since PostgreSQL 16 (SwitchToUntrustedUser()), so that SET ROLE cannot lead back.
/// Call it inside pg::call().
Actor actor_on(Oid relation);

/// While an object of this class exists, the role works on a target table. Settings that its code
/// changes end with the object, and errors of its code become errors without their text. The
/// current user's own privileges on the table must be checked before.
class TableScope
{
  public:
	explicit TableScope(const Actor &actor);
	~TableScope();
	TableScope(const TableScope &) = delete;
	TableScope &operator=(const TableScope &) = delete;

  private:
	int exceptions_;
	int guc_level_;
	RunAs run_as_;
	WithoutValues without_values_{WithoutValues::From::table_code};
};

} // namespace pg
