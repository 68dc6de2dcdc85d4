// Requests that were not carried out when they came.
#pragma once

#include "catalog/definitions.h"
#include "erase/erase.h"

namespace etl
{

/// The requests of that status that nothing holds any more, and whom they mean: looked for by their
/// pseudonyms.
std::vector<ErasureRequest> waiting_requests(const Catalog &catalog, const std::string &dataset,
											 const std::string &secret, const std::string &status);

} // namespace etl
