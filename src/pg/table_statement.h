// Statements on target tables. pg/spi.h has those on the catalog.
//
// Names in a statement are ours: it is analysed under the fixed search_path, with the privileges of
// the current user. Then it is planned and run in a TableScope, because both run what the table's
// owner has put on it (planning evaluates expressions of indexes and constraints). Where it names
// tables of several owners whose code must not run as the current user, the one whose table it
// writes runs it, or the one whose table it names first.
#pragma once

#include <initializer_list>
#include <string>

#include "pg/named_rows.h"
#include "pg/spi.h"
#include "pg/table_scope.h"

namespace pg
{

/// Runs a query on target tables and returns its rows (of a statement with RETURNING too). staged:
/// what it reads as etl_staged.
Rows query_table(const std::string &sql, std::initializer_list<Param> params = {},
				 const NamedRows *staged = nullptr);
/// Runs a statement on target tables and returns the number of rows it touched.
uint64_t execute_table(const std::string &sql, std::initializer_list<Param> params = {},
					   const NamedRows *staged = nullptr);

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

  private:
	Portal portal_;
	Actor actor_;
	int exceptions_;
};

} // namespace pg
