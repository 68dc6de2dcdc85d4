// The people of datasets: the dataset that they belong to, and the form of their keys.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/record_eraser.h"
#include "core/types/column_type.h"

namespace etl
{

/// The definition of a dataset that has people. Throws 22023 for any other dataset.
const Definition &people_definition(const Catalog &catalog, const std::string &dataset);
/// The keys of the people of a dataset; "" means every dataset that has people.
std::vector<PeopleKey> people_keys(const Catalog &catalog, const std::string &dataset);
/// The canonical form of a person's key that a user has given ("067318" is 67318). Throws 22004 if
/// it is empty, and the error of the key's type (22P02, 22003) if it is not valid.
std::string canonical_person(const Catalog &catalog, const std::string &dataset,
							 const std::string &subject);
std::string canonical_person(const ColumnType &key, const std::string &dataset,
							 const std::string &subject);

} // namespace etl
