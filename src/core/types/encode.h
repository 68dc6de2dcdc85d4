// Converts JSON values to values of PostgreSQL columns, in the binary format of COPY and of the
// types' receive functions, and reports values that do not fit their column.
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

/// Appends the binary value of the column, without its length word, and only on success. A JSON
/// string is read as the text form of the type. A number or boolean is read as such. Text columns
/// take strings, numbers and booleans as they are written. json and jsonb take anything. The caller
/// handles JSON null.
///
/// Integers: an optional sign and digits; leading zeros and blanks at both ends are allowed, and so
/// is a JSON number without a fraction (1.0, 1e3). numeric(p,s): rounded to s places, half away
/// from zero, as in PostgreSQL; after that an overflow is error 22003. date: YYYY-MM-DD; a time of
/// day after it must be zero. timestamp[tz]: a date, 'T' or blank, hh:mm[:ss[.fraction]], then 'Z',
/// "UTC", "GMT", ±hh[:mm] or nothing, which means UTC. More than 6 digits of a second are rounded.
/// 24:00:00 and :60 are accepted as in PostgreSQL. Years are 0001 to 9999. All other forms are left
/// to the server (type_input.h).
bool encode(const ColumnType &type, Value value, std::string &out, TypeError &error);

} // namespace etl
