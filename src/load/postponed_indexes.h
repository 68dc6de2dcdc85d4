// Indexes of tables that a run is the first to fill: built when all is loaded, as the manual
// advises for populating a database (https://www.postgresql.org/docs/15/populate.html, "Remove
// Indexes"). Inserting into them row by row was more than half of a load; sorted and written once
// they take a third of what is left. docs/explanation/performance.md has the figures,
// docs/explanation/reliability.md says who waits for what.
#pragma once

#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "pg/guard.h"

namespace etl
{

/// Thrown when it turns out that indexes can't wait: one that was to be built last refuses a row,
/// or it could not be noted which keys are loaded. Everything since suspend() must be rolled back
/// and done again with the indexes in use; had they been, only that row would have been refused.
struct CannotPostpone
{
	std::string dataset, reason;
	/// Says so in a NOTICE, after the rollback.
	void notice() const;
};

class PostponedIndexes
{
  public:
	/// Takes out of use those indexes of the dataset's tables that can be built later, if all the
	/// tables are empty and nobody else writes them: plain ones of tables that the current role may
	/// reindex, without triggers or foreign keys (which would look rows up). Unique ones only where
	/// check() sees to it that values differ: the key's, and those of child tables with the key and
	/// the element's line.
	static PostponedIndexes suspend(const Definition &definition);

	/// Some of the table that has the key: whether a key has been loaded must be known without it.
	bool of_key_table() const { return of_key_table_; }

	/// Builds them and takes them into use again; row by row those of a table that somebody who
	/// keeps his transaction open is reading, after a second. Sorts in what a batch had of
	/// etl.batch_memory: batches have gone by then. Throws CannotPostpone when one refuses a row
	/// (one too long for it, say).
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
