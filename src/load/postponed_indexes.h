// Builds the indexes of tables that are empty before a run when everything is loaded, as the manual
// advises for populating a database (https://www.postgresql.org/docs/15/populate.html, "Remove
// Indexes"). Inserting row by row into the indexes is more than half of a load. Sorting and writing
// them once takes a third of the remaining time. docs/explanation/performance.md has the figures,
// and docs/explanation/reliability.md says which sessions wait.
#pragma once

#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Thrown if the indexes cannot be postponed: a postponed index refuses a row, or it could not be
/// recorded which keys are loaded. Everything since suspend() must be rolled back and done again
/// with the indexes in use, which then refuse only this row.
struct CannotPostpone
{
	std::string dataset, reason;
	/// Reports this in a NOTICE. Call it after the rollback.
	void notice() const;
};

class PostponedIndexes
{
  public:
	/// Suspends the indexes of the dataset's tables that can be built later, if all tables are
	/// empty and no other session writes to them. The indexes must be ordinary indexes of tables
	/// that the current role may reindex and that have no triggers or foreign keys (which would
	/// look up rows). Unique indexes are suspended only if check() ensures that the values differ:
	/// that of the key, and in child tables that of the key and the element's line.
	static PostponedIndexes suspend(const Definition &definition);

	/// Whether an index of the table with the key is suspended, so that it must be known without
	/// the index whether a key has been loaded.
	bool of_key_table() const { return of_key_table_; }

	/// Builds the indexes and resumes their use. If another session has read a table in an open
	/// transaction and does not end it within a second, its indexes are filled row by row. Sorting
	/// uses the part of etl.batch_memory that batches used before. Throws CannotPostpone if an
	/// index refuses a row (e.g. a row that is too long for it).
	void build();

  private:
	struct Index
	{
		Oid table, oid;
	};
	void build_all();

	std::string dataset_;
	std::vector<Index> indexes_;
	bool of_key_table_ = false;
};

} // namespace etl
