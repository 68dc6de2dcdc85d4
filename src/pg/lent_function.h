// Functions of ours in a statement that another role runs.
#pragma once

#include "pg/guard.h"

extern "C"
{
#include "nodes/parsenodes.h"
}

namespace pg
{

/// What makes a statement's calls of lent functions valid: nobody else can know the token.
struct Lent
{
	static constexpr int token_size = 32; ///< hexadecimal digits
	bool any = false;
	Oid user = InvalidOid; ///< whose privileges count, and who runs them
	char token[token_size + 1] = {};
};

/// The functions that the query calls and that the role may not execute are called through the
/// type etl_internal.lent, if the current user may: they treat values with the key, say, which is
/// nothing for the owner of a table. Inside pg::call(), before the query is rewritten.
Lent lend_functions(Query **query, Oid role);

/// While it lives, the statement's lent functions may be called.
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
