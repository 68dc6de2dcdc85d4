// What a column's type makes of a text that encode() does not read itself.
//
// encode() knows the forms that nearly all data have, and threads may run it. The server's input
// functions know many more ("20190625", "Wed, 20 May 2015 21:34:02 GMT", "infinity", a zone by its
// name), and only the backend's main thread may call them. This interface stands between the two.
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
	/// Appends the column's binary value, or fills the error's sqlstate. The outcome depends on the
	/// type and the text only: zone UTC where the text has none, month before day where a date may
	/// be read both ways.
	virtual bool read(const ColumnType &type, std::string_view text, std::string &out,
					  TypeError &error) = 0;
};

/// Whether the type's input function might take a text that encode() has refused with this error:
/// dates and timestamps in other forms, "NaN", "Infinity", hexadecimal and other numbers with
/// letters in them (integers too since PostgreSQL 16). Words that
/// mean another value on another day ("now", "today", "tomorrow", "yesterday") are never asked
/// about: the same file must give the same rows.
bool may_be_input(const ColumnType &type, std::string_view text, const TypeError &error);

} // namespace etl
