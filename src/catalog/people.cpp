#include "catalog/people.h"

#include "catalog/definitions.h"
#include "core/base/sqlstate.h"
#include "core/definition/definition.h"
#include "core/json/write.h"
#include "core/types/column_type.h"
#include "core/types/encode.h"
#include "core/types/encode_key.h"
#include "core/types/type_error.h"
#include "pg/guard.h"

namespace etl
{

const Definition &
people_definition(const Catalog &catalog, const std::string &dataset)
{
	const Definition &definition = catalog.get(dataset);
	if (definition.subject && definition.subject->dataset == dataset)
		return definition;
	const std::string people = definition.subject  ? definition.subject->dataset
							   : definition.erases ? definition.erases->dataset
												   : "";
	throw pg::Error(sqlstate::invalid_parameter_value,
					"dataset \"" + dataset + "\" has no people of its own",
					people.empty() ? "Its definition names no subject."
								   : "Its records are about people of dataset \"" + people + "\".",
					people.empty() ? "" : "Name dataset \"" + people + "\" instead.");
}

std::vector<PeopleKey>
people_keys(const Catalog &catalog, const std::string &dataset)
{
	std::vector<PeopleKey> keys;
	for (const auto &[name, definition] : catalog.all())
		if (definition.subject && definition.subject->dataset == name &&
			(dataset.empty() || name == dataset) && definition.key_column() != nullptr &&
			!definition.key.empty())
			keys.push_back({name, definition.key.back(), definition.key_column()->type});
	return keys;
}

std::string
canonical_person(const Catalog &catalog, const std::string &dataset, const std::string &subject)
{
	return canonical_person(catalog.key_type(dataset), dataset, subject);
}

std::string
canonical_person(const ColumnType &key, const std::string &dataset, const std::string &subject)
{
	if (subject.empty())
		throw pg::Error(sqlstate::null_value_not_allowed, "subject is empty",
						"Keys of dataset \"" + dataset + "\" are of type " + key.sql + ".");
	std::string json, encoded;
	append_json_string(json, subject);
	Document document;
	ParseError parse_error;
	TypeError error;
	if (!document.parse(json, parse_error) || !encode(key, document.root(), encoded, error))
		throw pg::Error(error.sqlstate != nullptr ? error.sqlstate
												  : sqlstate::invalid_text_representation,
						"subject is not a key of dataset \"" + dataset + "\"",
						"Keys of the dataset are of type " + key.sql + ".");
	return canonical_text(key, encoded);
}

} // namespace etl
