// A person's key in a column whose type differs from the type of the key. The type of the key
// decides which values are the same person.
#pragma once

#include <string>
#include <string_view>

#include "core/json/document.h"
#include "core/types/column_type.h"

namespace etl
{

/// Encodes a value of a record as the key of a person. Returns false if the value is not a key.
/// `column` is the column that takes the value, or null. A text such as "67318.0" is read as an
/// integer if the column may contain JSON numbers as they were written.
bool encode_person_key(const ColumnType &key, const ColumnType *column, Value value,
					   std::string &encoded);

/// The canonical key of the person whom a value of a record names. `column` as above. Empty if the
/// value is missing or not a key.
std::string canonical_person_key(const ColumnType &key, const ColumnType *column, Value value);

/// The canonical key for a text in any column. Returns false if the text is not a key.
bool read_person_key(const ColumnType &key, std::string_view text, std::string &canonical);

/// Whether a value of the column identifies the person exactly. False if the column changes values
/// when it stores them (067318 in an integer column if keys are texts; a fraction that is rounded).
bool tells_person(const ColumnType &column, const ColumnType &key);

/// Whether the server can compare the column with the key directly and use an index of the column.
bool compare_directly(const ColumnType &column, const ColumnType &key);

} // namespace etl
