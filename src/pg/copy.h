// PostgreSQL's COPY from C++: rows in through a data-source callback, query results out through a
// pipe. Format: COPY's binary format, https://www.postgresql.org/docs/15/sql-copy.html.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.h"

namespace pg
{

/// Hands out rows in COPY BINARY form (number of fields, then each with its length). Called by COPY
/// in the middle of PostgreSQL's frames: it must not throw and must not call PostgreSQL.
class RowSource
{
  public:
	virtual ~RowSource() = default;
	/// The next row; false at the end.
	virtual bool next(std::string_view &row) noexcept = 0;
};

/// COPY relation (columns) FROM the source (FORMAT binary). Checks the caller's INSERT privilege
/// and refuses row-level security, as the statement does. Returns the number of rows loaded.
uint64_t copy_in(Oid relation, const std::vector<std::string> &columns, RowSource &source);
/// The same for a target table: what its owner has put on it runs as pg/table_scope.h says.
uint64_t copy_into_target(Oid relation, const std::vector<std::string> &columns, RowSource &source);

/// COPY (query) TO the file descriptor (with options such as "FORMAT binary"), which stays open.
/// The query sees what is committed now, as far as the isolation level lets it. The reader of a
/// pipe must be another thread. Returns the number of rows written.
uint64_t copy_out(const std::string &query, int fd,
				  const std::vector<std::pair<std::string, std::string>> &options);

} // namespace pg
