// The interface to the input functions of column types, for texts that encode() does not read.
//
// encode() reads the forms that nearly all data have, and may run in any thread. The server's input
// functions read many more ("20190625", "Wed, 20 May 2015 21:34:02 GMT", "infinity", a zone by its
// name), and only the backend's main thread may call them.
#pragma once

#include <string>
#include <string_view>

#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

class TypeInput
{
  public:
	virtual ~TypeInput() = default;
	/// Appends the binary value of the column, or returns false and sets error.sqlstate. The result
	/// depends only on the type and the text: the zone is UTC if the text has none, and the month
	/// comes before the day in a date that can be read both ways.
	virtual bool read(const ColumnType &type, std::string_view text, std::string &out,
					  TypeError &error) = 0;
};

/// Whether the type's input function might accept a text that encode() has refused with this error:
/// dates and timestamps in other forms, "NaN", "Infinity", hexadecimal numbers and other numbers
/// with letters (also for integers since PostgreSQL 16). Always false for words whose value depends
/// on the day ("now", "today", "tomorrow", "yesterday"), because the same file must always give the
/// same rows.
bool may_be_input(const ColumnType &type, std::string_view text, const TypeError &error);

} // namespace etl
