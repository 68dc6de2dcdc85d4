// A person's key in a column of another type than the key's: the type of the key says which values
// are the same person.
#pragma once

#include <string>
#include <string_view>

#include "core/json/document.h"
#include "core/types/column_type.h"

namespace etl
{

/// Encodes a record's value as the key of a person. column: that takes the value, null for none. A
/// text of digits that is no integer's ("67318.0") is one where the column may have kept a JSON
/// number as it was written.
bool encode_person_key(const ColumnType &key, const ColumnType *column, Value value,
					   std::string &encoded);

/// The canonical key that a column's text means, for any column; false: it is nobody's.
bool read_person_key(const ColumnType &key, std::string_view text, std::string &canonical);

/// Do values of the column tell exactly whose they are? Not where the column changes what it takes
/// (067318 in an integer, when keys are texts; a fraction that it rounds away).
bool tells_person(const ColumnType &column, const ColumnType &key);

/// Do both have operators of the server that compare them, and use an index of the column?
bool compare_directly(const ColumnType &column, const ColumnType &key);

} // namespace etl
