// JSON values as PostgreSQL column values, in the binary format of COPY and of the types' receive
// functions, and what does not fit its column.
//
// Formats: https://www.postgresql.org/docs/15/sql-copy.html (Binary Format) and the *_recv
// functions of src/backend/utils/adt.
#pragma once

#include <string>

#include "core/json/document.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

/// Appends the column's binary value (on success only) without its length word. A JSON string is
/// read as the type's text form, a number or boolean as such; text columns take strings, numbers
/// and booleans as written; json and jsonb take anything. JSON null is the caller's business.
///
/// Integers: optional sign and digits, leading zeros allowed, blanks around trimmed; a JSON number
/// without fraction (1.0, 1e3) is one. numeric(p,s) rounds half away from zero to s places as
/// PostgreSQL does, then overflows with 22003. date: YYYY-MM-DD (a time after it is dropped only if
/// it is all zero). timestamp[tz]: date, 'T' or blank, hh:mm[:ss[.fraction]], then 'Z', "UTC",
/// "GMT", ±hh[:mm] or nothing, which means UTC; more than 6 digits of a second are rounded;
/// 24:00:00 and :60 as PostgreSQL takes them. Years 0001 to 9999. Other forms are the server's to
/// read (type_input.h).
bool encode(const ColumnType &type, Value value, std::string &out, TypeError &error);

} // namespace etl
