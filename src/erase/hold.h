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

/// An argument that says why, without the blanks around it. Throws 22004 where there is none, 22001
/// where it is too long for the journal.
std::string required_reason(FunctionCallInfo fcinfo, int n);

} // namespace etl
