// Treats the personal fields of a record.
#pragma once

#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/json/json_edit.h"
#include "core/privacy/treatment.h"

namespace etl
{

/// Returns the text of the record with its personal fields treated. Fields that are missing or null
/// stay as they are. If the value around a field cannot have members (a text, an array or a number
/// in place of an object), the whole value is replaced, because any part of it may be the field.
std::string anonymize(const Document &document, const std::vector<PersonalDefinition> &personal,
					  const TreatmentContext &context);

/// Appends the edits that treat the personal fields. An edit may lie inside another one; see
/// keep_outermost().
void add_personal_edits(const Document &document, const std::vector<PersonalDefinition> &personal,
						const TreatmentContext &context, std::vector<Edit> &edits);

} // namespace etl
