// A record's text with its personal fields treated.
#pragma once

#include <string>
#include <vector>

#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/json/json_edit.h"
#include "core/privacy/treatment.h"

namespace etl
{

/// The record's text with its personal fields treated. Fields that are absent or null stay so.
/// Where a field is expected inside of something that can hold no members (its object is a text, an
/// array or a number), that goes whole: nobody knows which part of it the field is.
std::string anonymize(const Document &document, const std::vector<PersonalDefinition> &personal,
					  const TreatmentContext &context);

/// The edits that treat them; some may lie in one another (keep_outermost).
void add_personal_edits(const Document &document, const std::vector<PersonalDefinition> &personal,
						const TreatmentContext &context, std::vector<Edit> &edits);

} // namespace etl
