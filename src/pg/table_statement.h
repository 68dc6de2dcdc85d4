// Statements on target tables. pg/spi.h has those on the catalog.
//
// Names in a statement are ours: it is analysed under the fixed search_path, with the privileges of
// the current user. Then it is planned and run in a TableScope, because both run what the table's
// owner has put on it (planning evaluates expressions of indexes and constraints). Where it names
// tables of several owners whose code must not run as the current user, the one whose table it
// writes runs it, or the one whose table it names first. Functions of ours that it calls run as the
// current user all the same.
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

/// Runs a query on target tables and returns its rows (of a statement with RETURNING too). staged:
/// what it reads as etl_staged.
Rows query_table(const std::string &sql, std::initializer_list<Param> params = {},
				 const NamedRows *staged = nullptr);
/// Runs a statement on target tables and returns the number of rows it touched.
uint64_t execute_table(const std::string &sql, std::initializer_list<Param> params = {},
					   const NamedRows *staged = nullptr);

/// Whether a query on target tables would run as the owner of one, and not as the current user.
bool runs_as_owner(const std::string &sql);
/// Whether the current user's privileges and policies count for a table also where its owner runs
/// the statement: not of views and foreign tables, or tables with such a partition or child.
bool keeps_callers_privileges(Oid relation);
/// Whether it would run as the current user, who trusts the tables' owners:
/// neither as one of these nor in a security-restricted operation.
bool runs_as_caller(const std::string &sql);

/// A query on target tables whose rows are fetched a few at a time, under one snapshot.
class TableCursor
{
  public:
	explicit TableCursor(const std::string &sql, std::initializer_list<Param> params = {});
	~TableCursor();
	TableCursor(const TableCursor &) = delete;
	TableCursor &operator=(const TableCursor &) = delete;
	/// The next rows, at most count; none at the end.
	Rows fetch(size_t count);
	/// Of the rows.
	TupleDesc descriptor() const { return portal_->tupDesc; }
	/// Calls visit(rows, i) for each row, fetching some at a time. Serves interrupts.
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
