// Runs statements that only the owner of the extension may run.
#pragma once

#include "pg/run_as.h"

extern "C"
{
#include "miscadmin.h"
}

namespace etl
{

/// While an object of this class exists, statements run as the owner of the extension, who owns the
/// catalog. It surrounds each statement that writes to a table of the catalog, and no other code.
/// So a role that runs datasets or erases people needs no right to write to the catalog, and can
/// neither forge the audit trail nor delete a tombstone. session_user, which the audit trail
/// records as actor, does not change.
class AsCatalogOwner
{
  public:
	AsCatalogOwner() : as_(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE) {}

  private:
	pg::RunAs as_;
};

} // namespace etl
