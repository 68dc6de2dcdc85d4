// Treats the text of a record.
#pragma once

#include <string>
#include <string_view>

#include "core/definition/definition.h"
#include "core/json/document.h"

namespace etl
{

/// The text of a record with its personal fields treated. "" if the text is not JSON.
std::string anonymized_text(const Definition &definition, Document &document, std::string_view text,
							std::string_view token);

} // namespace etl
