// What stands in place of a personal value: the one implementation that records, tables, processed
// and archived files share, so that equal values are treated equally everywhere.
//
// Before a value is hashed or generalized it is read as the type of the column that takes its field
// and written in that type's canonical text: "12.5" in a file, 12.5 in another and numeric(10,2)
// 12.50 in a table are one value. docs/explanation/treatments.md says what each treatment
// guarantees.
#pragma once

#include <string>
#include <string_view>

#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/types/column_type.h"

namespace etl
{

struct TreatmentContext
{
	std::string_view secret; ///< the bytes of etl.key_file (core/privacy/key_ring.h)
	std::string_view token;  ///< what Treatment::token puts in place of a value
};

/// The JSON text that stands in place of a value. JSON null stays null. A value that can't be
/// generalized (no date, no number …) is never kept: text becomes the constant, other types null.
/// type: of the column that takes the value; without it the one that the definition found.
std::string treat(const PersonalDefinition &personal, Value value, const TreatmentContext &context);
std::string treat(const PersonalDefinition &personal, const ColumnType &type, Value value,
				  const TreatmentContext &context);

/// The value's text as its column would print it; the value as it came where it does not fit.
std::string canonical_value(const ColumnType &type, Value value);

/// 64 hex digits of HMAC-SHA-256 under the treatment key. Still personal data while the key exists.
std::string value_pseudonym(std::string_view secret, std::string_view value);
/// 64 hex digits of SHA-256: anybody can compute it for a guess.
std::string sha256_hex(std::string_view value);
/// 32 hex digits that nobody can relate to anything.
std::string random_token();
/// j•••@e•••.com; "•••21" of a phone number; of other text its first character. Neither length nor
/// anything of very short text shows.
std::string partial_text(std::string_view text);

} // namespace etl
