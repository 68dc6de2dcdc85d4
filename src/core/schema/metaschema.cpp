// The text is in schemas/meta/draft-07.json, a copy of http://json-schema.org/draft-07/schema.
#include "core/schema/metaschema.h"

#include <nlohmann/json.hpp>

namespace etl
{

const nlohmann::json &
draft07_metaschema()
{
	static const nlohmann::json metaschema = nlohmann::json::parse(
#include "meta/draft-07.inc"
	);
	return metaschema;
}

} // namespace etl
