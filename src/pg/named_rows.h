// Rows that a statement can read like a table.
#pragma once

#include <string>
#include <vector>

#include "pg/copy.h"

extern "C"
{
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"
}

namespace pg
{

/// Rows with the types of a table's columns. Statements read them with FROM etl_staged: the columns
/// are c1, c2, … and n, which counts from 1. Like the transition tables of PostgreSQL, the rows are
/// visible only to the statements that get them, and neither to code that these statements call nor
/// to other sessions. Rows beyond work_mem are in a temporary file.
class NamedRows
{
  public:
	/// Reads all rows of the source, which must have these columns of the relation.
	NamedRows(Oid relation, const std::vector<std::string> &columns, RowSource &source);
	~NamedRows();
	NamedRows(const NamedRows &) = delete;
	NamedRows &operator=(const NamedRows &) = delete;

	QueryEnvironment *environment() const { return environment_; }

  private:
	int exceptions_;
	MemoryContext context_;
	Tuplestorestate *store_;
	QueryEnvironment *environment_;
};

} // namespace pg
