// Legal holds: erasure requests that must wait.
#pragma once

#include <string>
#include <vector>

#include "erase/erase.h"

namespace etl
{

/// For each subject pseudonym of a dataset: is it, or the whole dataset, on hold? "" stands for
/// nobody known: held only where the dataset is.
std::vector<bool> held(const std::string &dataset, const std::vector<std::string_view> &pseudonyms);

/// Sets held of the requests that must wait.
void mark_held(const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests);

/// The canonical key of a person as somebody wrote it ("067318" and "67318" name the same one).
/// Throws 22023 when it is no key of the dataset's.
std::string canonical_subject(const Catalog &catalog, const std::string &dataset,
							  const std::string &subject);

} // namespace etl
