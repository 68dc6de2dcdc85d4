// The rows of an erasure: which people are treated in the tables, and which cannot be erased there.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/definition/definition.h"
#include "erase/check_tables.h"
#include "erase/erasure.h"
#include "erase/verify_tables.h"
#include "pg/spi.h"

namespace etl
{

/// Treats, counts or collects the people's rows in the tables of all datasets about them.
class TableEraser
{
  public:
	/// The erasure must outlive this object.
	explicit TableEraser(Erasure &erasure);
	TableEraser(const TableEraser &) = delete;
	TableEraser &operator=(const TableEraser &) = delete;

	/// Calls check_tables() and find_stored_emails(). To be called before anything is changed.
	void check();
	/// Treats all people at once. Where a table refuses a row, it tries ever smaller groups, so
	/// that one person who cannot be erased does not stop the others: their requests have a failure
	/// afterwards, and they are looked for no more.
	void erase();

  private:
	using OldValues = TableVerifier::OldValues;

	void erase_rows_of(std::vector<std::string_view> subjects,
					   const std::vector<const Definition *> &definitions);
	void forget_places(size_t from);
	void erase_tables(const Definition &definition);
	void remove_rows(const Definition &definition);
	void erase_table(const Definition &definition, const TableDefinition &table);
	void count_rows(const pg::Rows &rows, ErasedPlace place);
	void add_trigger_remarks();

	Erasure &erasure_;
	SoughtPeople &people_;
	MissingColumns missing_columns_;
	TableVerifier verifier_;
};

} // namespace etl
