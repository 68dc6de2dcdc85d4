// Writes JSON texts.
#pragma once

#include <string>
#include <string_view>

#include "core/json/document.h"

namespace etl
{

/// Appends the text as a JSON string with quotes. Escapes only what RFC 8259, section 7 requires.
void append_json_string(std::string &out, std::string_view text);

/// Appends the value as compact JSON. Numbers stay as they were written.
void append_json(std::string &out, Value value);

} // namespace etl
