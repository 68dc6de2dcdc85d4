// Constraints that could wait until the transaction commits are checked where rows are written.
#pragma once

#include <string>

#include "pg/guard.h"

namespace pg
{

/// With all deferrable constraints and constraint triggers immediate, a row that one of them
/// refuses is found where it can be refused, and nothing of a table owner's code is left to run at
/// COMMIT as whoever commits. What waited before is checked first, and raises with the SQLSTATE
/// that COMMIT would have raised.
///
/// end() makes those that are initially deferred so again. Without it the rollback that follows an
/// error restores what was.
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

	std::string deferred_; ///< their names, as in a statement
};

} // namespace pg
