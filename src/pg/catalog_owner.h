// Writing what no role but the extension's owner may write.
#pragma once

#include "pg/run_as.h"

extern "C"
{
#include "miscadmin.h"
}

namespace etl
{

/// While it lives, statements run as the owner of the extension, to whom the catalog belongs.
/// Stands around each statement that writes to a table of the catalog, and around no other code: a
/// role that runs datasets or erases people thereby needs no right to write there, and can neither
/// forge the audit trail nor delete a tombstone. session_user, the audit's actor, stays who is
/// logged in.
class AsCatalogOwner
{
  public:
	AsCatalogOwner() : as_(pg::extension_owner(), SECURITY_LOCAL_USERID_CHANGE) {}

  private:
	pg::RunAs as_;
};

} // namespace etl
