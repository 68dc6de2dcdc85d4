// Lets a statement that runs as another role call functions of the extension.
#pragma once

#include "pg/guard.h"

extern "C"
{
#include "nodes/parsenodes.h"
}

namespace pg
{

/// Identifies a statement whose calls of lent functions are valid. No other code can know the
/// token.
struct Lent
{
	static constexpr int token_size = 32; ///< hexadecimal digits
	bool any = false;
	Oid user = InvalidOid; ///< the role that lends the functions and as which they run
	char token[token_size + 1] = {};
};

/// Changes the query so that it calls functions through the type etl_internal.lent if the role may
/// not execute them but the current user may. Such functions may treat values with the key, for
/// example, which the owner of a table must not do. Call it inside pg::call(), before the query is
/// rewritten.
Lent lend_functions(Query **query, Oid role);

/// While an object of this class exists, the lent functions of the statement may be called.
class LentScope
{
  public:
	explicit LentScope(const Lent &lent);
	~LentScope();
	LentScope(const LentScope &) = delete;
	LentScope &operator=(const LentScope &) = delete;

	const Lent &lent() const { return lent_; }
	const LentScope *outer() const { return outer_; }

  private:
	const Lent lent_;
	const LentScope *outer_;
};

} // namespace pg
