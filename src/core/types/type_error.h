// The error for a value that does not fit its column.
#pragma once

#include <string>
#include <string_view>

#include "core/base/sqlstate.h"
#include "core/types/column_type.h"

namespace etl
{

/// Why a value does not fit its column. Contains no value of the record.
struct TypeError
{
	const char *sqlstate; ///< 22P02, 22003, 22008, 22P05 (NUL), 22001 (too long)
	std::string message;  ///< e.g. "expected bigint, got text that is not an integer"
};

/// Fills `error` with "expected bigint, got text that is not an integer". Always returns false, so
/// that the caller can return the result.
bool mismatch(const ColumnType &type, std::string_view got, TypeError &error,
			  const char *sqlstate = sqlstate::invalid_text_representation);
/// Fills `error` with "out of range for type bigint". Always returns false.
bool out_of_range(const ColumnType &type, TypeError &error);

} // namespace etl
