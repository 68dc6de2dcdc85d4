// Decides what has caused the error of a statement on target tables, by its SQLSTATE and by whether
// the server or user code has raised it.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/guard.h"

namespace pg
{

/// Whether the class (the first two characters) of the SQLSTATE is not one of PostgreSQL (appendix
/// "PostgreSQL Error Codes"). Then user code has raised the error, with an SQLSTATE of its own.
bool has_users_class(std::string_view sqlstate);

enum class Blame : uint8_t
{
	row,   ///< the row that was to be written; other rows may be accepted
	table, ///< a table whose structure is wrong, or code on the table; perhaps every row fails
	world  ///< resources, storage, another session or cancellation; the rows are not the cause
};

/// Errors that code on a table raises with an SQLSTATE of its choice are blamed on the row. The
/// exceptions are classes that stand for the machine, because it cannot be known whether these are
/// real.
Blame blame_of(const PgError &error);

} // namespace pg
