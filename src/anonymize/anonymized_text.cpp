#include "anonymize/anonymized_text.h"

#include "anonymize/treated_columns.h"
#include "core/definition/definition.h"
#include "core/json/document.h"
#include "core/privacy/anonymize.h"

namespace etl
{

std::string
anonymized_text(const Definition &definition, Document &document, std::string_view text,
				std::string_view token)
{
	ParseError error;
	if (!document.parse(text, error))
		return {};
	return anonymize(document, definition.personal, {treatment_secret(definition), token});
}

} // namespace etl
