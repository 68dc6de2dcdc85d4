// Requests that were not carried out when they came.
#pragma once

#include "catalog/definitions.h"
#include "erase/erase.h"

namespace etl
{

/// The requests of that status that are not stopped by a legal hold any more. The people they mean
/// are found by their pseudonyms.
std::vector<ErasureRequest> waiting_requests(const Catalog &catalog, const std::string &dataset,
											 const std::string &secret, const std::string &status);

} // namespace etl
