// Statements on target tables. For statements on the catalog see pg/spi.h.
//
// The extension has written the names in a statement, so it is analysed with the fixed search_path
// and with the privileges of the current user. Then it is planned and run in a TableScope, because
// both can run code of the table's owner (planning evaluates expressions of indexes and
// constraints). If it names tables of several owners whose code must not run as the current user,
// it runs as the owner of the table that it writes, or else of the first such table. Functions of
// the extension that it calls run as the current user nevertheless.
#pragma once

#include <initializer_list>
#include <string>

#include "pg/lent_function.h"
#include "pg/named_rows.h"
#include "pg/spi.h"
#include "pg/table_scope.h"

extern "C"
{
#include "utils/portal.h"
}

namespace pg
{

/// Runs a query, or a statement with RETURNING, on target tables and returns the rows. `staged` has
/// the rows that it reads as etl_staged.
Rows query_table(const std::string &sql, std::initializer_list<Param> params = {},
				 const NamedRows *staged = nullptr);
/// Runs a statement on target tables and returns the number of affected rows.
uint64_t execute_table(const std::string &sql, std::initializer_list<Param> params = {},
					   const NamedRows *staged = nullptr);

/// Whether a query on target tables would run as the owner of a table, and not as the current user.
bool runs_as_owner(const std::string &sql);
/// Whether the privileges and policies of the current user apply to a table even if the owner runs
/// the statement. This is not so for views and foreign tables, and tables with such a partition or
/// child.
bool keeps_callers_privileges(Oid relation);
/// Whether the query would run as the current user, who trusts the owners of the tables: neither as
/// one of the owners nor in a security-restricted operation.
bool runs_as_caller(const std::string &sql);

/// A query on target tables whose rows are fetched a few at a time, with one snapshot.
class TableCursor
{
  public:
	explicit TableCursor(const std::string &sql, std::initializer_list<Param> params = {});
	~TableCursor();
	TableCursor(const TableCursor &) = delete;
	TableCursor &operator=(const TableCursor &) = delete;
	/// The next rows, at most `count`. Empty at the end.
	Rows fetch(size_t count);
	/// The descriptor of the rows.
	TupleDesc descriptor() const { return portal_->tupDesc; }
	/// Calls visit(rows, i) for each row, fetching some at a time. Processes interrupts.
	template <typename Visit>
	void for_each(size_t at_a_time, Visit &&visit)
	{
		for_each_row(*this, at_a_time, visit);
	}

  private:
	Portal portal_;
	Actor actor_;
	Lent lent_;
	int exceptions_;
};

} // namespace pg
