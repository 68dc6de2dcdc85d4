// Who works on a target table, and with which names in sight.
#pragma once

#include "pg/run_as.h"

namespace pg
{

/// Who a target table's own code runs as.
struct Actor
{
	Oid role;
	int security_flags;
};

/// May somebody who is this role become that one, by SET ROLE? Called inside pg::call().
bool can_become(Oid role, Oid other);

/// What the table's owner has put on it, triggers, checks, defaults, index expressions, policies,
/// runs as
///   * the owner, where the current user could become the owner and not the other way round: he may
///     do more, and must not do it for the owner's code;
///   * the owner of a partition or child, where that is so of it and not of the table, or where the
///     table's owner could become him as well;
///   * the current user otherwise, as with COPY.
/// Where that would run the code of one owner in the tree as another whom he could not become, it
/// is refused with 42501.
/// Where that role is less than the current or the session's user, or who has logged in, it runs
/// inside a security-restricted operation, as in VACUUM, REINDEX and logical replication since
/// PostgreSQL 16 (SwitchToUntrustedUser()): no SET ROLE leads back. Called inside pg::call().
Actor actor_on(Oid relation);

/// While it lives, that role works on a target table; settings that its code changes end with it,
/// and what its code raises becomes an error without its text.
/// The current user's own privileges on the table are to be checked before.
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
