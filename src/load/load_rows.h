// Staged rows of one table in the form that COPY and statements take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/definitions.h"
#include "pg/named_rows.h"

namespace etl
{

struct LoadRow
{
	uint64_t sort;
	const char *bytes;
	uint32_t size;
	uint32_t record; ///< index into the records of the batch
};

/// Rows of one table, in the order in which they are loaded.
class LoadRows : public pg::RowSource
{
  public:
	explicit LoadRows(const std::vector<LoadRow> &rows) : rows_(rows) {}
	bool next(std::string_view &row) noexcept override
	{
		if (at_ == rows_.size())
			return false;
		// the rows are scattered in the memory of the batch, so prefetch the next ones
		if (at_ + ahead < rows_.size())
			for (uint32_t byte = 0; byte < rows_[at_ + ahead].size; byte += 64)
				__builtin_prefetch(rows_[at_ + ahead].bytes + byte);
		row = {rows_[at_].bytes, rows_[at_].size};
		++at_;
		return true;
	}

  private:
	static constexpr size_t ahead = 8;
	const std::vector<LoadRow> &rows_;
	size_t at_ = 0;
};

inline std::vector<std::string>
column_names(const TableDefinition &table)
{
	std::vector<std::string> names;
	for (const ColumnDefinition &column : table.columns)
		names.push_back(column.name);
	return names;
}

/// The table's first column with this source, or null.
inline const ColumnDefinition *
column_from(const TableDefinition &table, Source source)
{
	for (const ColumnDefinition &column : table.columns)
		if (column.source == source)
			return &column;
	return nullptr;
}

} // namespace etl
