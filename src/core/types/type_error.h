// What is said of a value that does not fit its column. No value of the record stands in it.
#pragma once

#include <string>
#include <string_view>

#include "core/base/sqlstate.h"
#include "core/types/column_type.h"

namespace etl
{

/// Why a value does not fit; no value of the record in it.
struct TypeError
{
	const char *sqlstate; ///< 22P02, 22003, 22008, 22P05 (NUL), 22001 (too long)
	std::string message;  ///< "expected bigint, got text that is no integer"
};

/// "expected bigint, got text that is no integer". Always false, to be returned.
bool mismatch(const ColumnType &type, std::string_view got, TypeError &error,
			  const char *sqlstate = sqlstate::invalid_text_representation);
/// "out of range for type bigint".
bool out_of_range(const ColumnType &type, TypeError &error);

} // namespace etl
