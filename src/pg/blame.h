// What an error of a statement on target tables is about, by its SQLSTATE and who has raised it.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/guard.h"

namespace pg
{

/// The class (the first two characters) is none of the server's own (PostgreSQL's appendix
/// "PostgreSQL Error Codes"): code of a user has raised the error, with an SQLSTATE of its own
/// making.
bool has_users_class(std::string_view sqlstate);

enum class Blame : uint8_t
{
	row,   ///< the row that was to be written: others may do
	table, ///< a table that is not as it should be, or code on it: perhaps every row
	world  ///< resources, storage, another session, cancellation: nothing that was to be written
};

/// What code on a table raises with an SQLSTATE of its choice is about the row, but for classes
/// that mean the machine: nobody can tell whether they are meant.
Blame blame_of(const PgError &error);

} // namespace pg
