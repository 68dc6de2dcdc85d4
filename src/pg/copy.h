// PostgreSQL's COPY from C++: loads rows from a callback, and writes query results to a pipe.
// Format: COPY's binary format, https://www.postgresql.org/docs/15/sql-copy.html.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.h"

namespace pg
{

/// A source of rows in the form of COPY BINARY (number of fields, then each field with its length).
/// COPY calls next() inside PostgreSQL's frames, so next() must not throw and must not call
/// PostgreSQL.
class RowSource
{
  public:
	virtual ~RowSource() = default;
	/// Stores the next row. Returns false at the end.
	virtual bool next(std::string_view &row) noexcept = 0;
};

/// COPY relation (columns) FROM the source (FORMAT binary). Checks the caller's INSERT privilege
/// and refuses tables with row-level security, as the statement COPY does. Returns the number of
/// rows.
uint64_t copy_in(Oid relation, const std::vector<std::string> &columns, RowSource &source);
/// Like copy_in(), for a target table: code of the table's owner runs as pg/table_scope.h
/// describes.
uint64_t copy_into_target(Oid relation, const std::vector<std::string> &columns, RowSource &source);

/// COPY (query) TO the file descriptor, with options such as "FORMAT binary". The descriptor stays
/// open. The query sees what is committed now, as far as the isolation level allows. If the
/// descriptor is a pipe, another thread must read it. Returns the number of rows.
uint64_t copy_out(const std::string &query, int fd,
				  const std::vector<std::pair<std::string, std::string>> &options);

} // namespace pg
