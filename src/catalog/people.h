// People as datasets know them: whose dataset it is, and how a key is written.
#pragma once

#include <string>
#include <vector>

#include "catalog/definitions.h"
#include "core/definition/definition.h"
#include "core/privacy/record_eraser.h"
#include "core/types/column_type.h"

namespace etl
{

/// The definition of a dataset that has people; throws 22023 for any other.
const Definition &people_definition(const Catalog &catalog, const std::string &dataset);
/// How the people of a dataset are known; "": of every dataset that has people.
std::vector<PeopleKey> people_keys(const Catalog &catalog, const std::string &dataset);
/// The canonical key of a person as somebody wrote it ("067318" is 67318). Throws 22004 where it is
/// empty, and what the key's type says (22P02, 22003) where it is none.
std::string canonical_person(const Catalog &catalog, const std::string &dataset,
							 const std::string &subject);
std::string canonical_person(const ColumnType &key, const std::string &dataset,
							 const std::string &subject);

} // namespace etl
