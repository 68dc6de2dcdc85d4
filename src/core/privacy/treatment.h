// Treatments of personal values. Records, tables, processed and archived files all use this
// implementation, so that equal values are treated equally everywhere.
//
// Before a value is hashed or generalized, it is read as the type of the column that takes its
// field and converted to the canonical text of this type. So "12.5" in a file, 12.5 in another file
// and numeric(10,2) 12.50 in a table are the same value. docs/explanation/treatments.md describes
// what each treatment guarantees.
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
	std::string_view token;  ///< replaces a value under Treatment::token
};

/// The JSON text that replaces a value. JSON null stays null. A value that cannot be generalized
/// (not a date, not a number …) is never kept: a text becomes the constant, and other types become
/// null. `type` is the type of the column that takes the value. Without it personal.type is used.
std::string treat(const PersonalDefinition &personal, Value value, const TreatmentContext &context);
std::string treat(const PersonalDefinition &personal, const ColumnType &type, Value value,
				  const TreatmentContext &context);

/// The text of the value as its column would print it. If the value does not fit the column, its
/// own text.
std::string canonical_value(const ColumnType &type, Value value);

/// 64 hexadecimal digits of HMAC-SHA-256 with the treatment key. This is still personal data as
/// long as the key exists.
std::string value_pseudonym(std::string_view secret, std::string_view value);
/// 64 hexadecimal digits of SHA-256. Anyone can compute it for a guessed value.
std::string sha256_hex(std::string_view value);
/// 32 random hexadecimal digits.
std::string random_token();
/// "j•••@e•••.com" for an email, "•••21" for a phone number, the first character for other text.
/// The result does not show the length of the text, and nothing of a very short text.
std::string partial_text(std::string_view text);

} // namespace etl
