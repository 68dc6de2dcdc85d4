// Dates and timestamps, encoded as days and microseconds since 2000-01-01.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

bool encode_date(const ColumnType &type, std::string_view text, std::string &out, TypeError &error);
bool encode_timestamp(const ColumnType &type, std::string_view text, std::string &out,
					  TypeError &error);
std::string date_text(int32_t days);
std::string timestamp_text(int64_t microseconds, bool zone);

} // namespace etl
