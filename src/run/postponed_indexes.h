// Indexes of tables that a run is the first to fill: built when all is loaded, as the manual advises
// for populating a database (https://www.postgresql.org/docs/15/populate.html, "Remove Indexes").
// Inserting into them row by row is more than half of a load; sorting and writing them once is a
// sixth. docs/performance.md has the figures, docs/reliability.md says who waits for what.
#pragma once

#include <optional>
#include <vector>

#include "core/definition.h"
#include "pg/guard.h"

namespace etl
{

class PostponedIndexes
{
  public:
	/// Takes out of use those indexes of the dataset's tables that can be built later: of empty
	/// tables of the current role's own that nobody else writes, without triggers or foreign keys
	/// (which would look rows up). Unique ones only if they can't find anything that check() has
	/// not found: the key's, and those of child tables with the key and the element's line.
	static PostponedIndexes suspend(const Definition &definition);

	/// Some of the table that has the key: whether a key has been loaded must be known without it.
	bool of_key_table() const { return of_key_table_; }

	/// Builds them and takes them into use again. memory: bytes. Returns the error of one that
	/// refuses a row (one too long for it, say); everything since suspend() must then be rolled
	/// back.
	std::optional<pg::PgError> build(size_t memory);

  private:
	struct Index
	{
		Oid table, oid;
	};
	std::vector<Index> indexes_;
	bool of_key_table_ = false;
};

} // namespace etl
