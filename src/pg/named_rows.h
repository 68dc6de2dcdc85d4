// Rows that a statement reads as if they were a table.
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

/// Rows with the types of a table's columns, for statements to read FROM etl_staged: columns c1,
/// c2, … and n, which counts from 1. As PostgreSQL's transition tables they exist for the
/// statements that are given them and for nobody else: not for what those statements call, not for
/// other sessions. What does not fit work_mem is in a temporary file.
class NamedRows
{
  public:
	/// Takes all rows of the source, which have those columns of the relation.
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
