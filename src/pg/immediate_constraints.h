// Checks deferrable constraints when rows are written, and not at commit.
#pragma once

#include <string>

#include "pg/guard.h"

namespace pg
{

/// Makes all deferrable constraints and constraint triggers immediate. A row that one of them
/// refuses is then found while it can still be refused, and no code of a table's owner is left to
/// run at COMMIT as the role that commits. Checks that were already deferred are done first, and
/// raise the SQLSTATE that COMMIT would have raised.
///
/// end() defers the initially deferred constraints again. If an error prevents the call of end(),
/// the rollback restores the previous state.
class ImmediateConstraints
{
  public:
	ImmediateConstraints();
	~ImmediateConstraints();
	ImmediateConstraints(const ImmediateConstraints &) = delete;
	ImmediateConstraints &operator=(const ImmediateConstraints &) = delete;
	void end();

  private:
	bool find_deferrable();

	std::string deferred_; ///< names of the initially deferred constraints, as in a statement
};

} // namespace pg
