// Values of type numeric in the format that numeric_recv() reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

bool encode_numeric(const ColumnType &type, std::string_view text, std::string &out,
					TypeError &error);
/// Whether a numeric without precision can hold the number. jsonb stores its numbers this way.
bool fits_numeric(std::string_view number);
std::string numeric_text(std::string_view encoded, bool keep_scale);
uint64_t numeric_prefix(std::string_view encoded);

} // namespace etl
