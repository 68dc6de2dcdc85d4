// The rows of target tables that are about people.
#pragma once

#include <optional>
#include <string>

#include "catalog/definitions.h"
#include "core/definition/definition.h"

namespace etl
{

/// Rows of a table that are about the subjects: "FROM <from>, table t WHERE <where>". $1: their
/// keys, $2: their tokens.
struct RowsAbout
{
	std::string from, where;
};

/// The name of the table in reports, without quotes.
std::string place_of(const TableDefinition &table);

/// The condition for the rows of a table. The column that names the person is in the first table;
/// child tables refer to it by key. Nothing if no row can be found.
std::optional<RowsAbout> rows_about(const Catalog &catalog, const Definition &definition,
									const TableDefinition &table);

/// Whether the first table, by which the people's rows in all tables are found, exists and has the
/// column that names them.
bool finds_people(const Definition &definition);

/// A query that counts the subjects' rows as they are, with a hash of their values: subject, count,
/// text.
std::string counted_rows(const RowsAbout &about, const TableDefinition &table);

} // namespace etl
