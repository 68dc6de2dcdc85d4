// Legal holds: erasure requests that must wait.
#pragma once

#include <string>
#include <vector>

#include "erase/erase.h"

namespace etl
{

/// For each subject pseudonym of a dataset: is the person, or the whole dataset, on hold? "" stands
/// for an unknown person, who is on hold only where the whole dataset is.
std::vector<bool> held(const std::string &dataset, const std::vector<std::string_view> &pseudonyms);

/// Sets `held` of the requests that must wait.
void mark_held(const std::string &dataset, const std::string &secret,
			   std::vector<ErasureRequest> &requests);

/// The reason in argument n, without the blanks around it. Throws 22004 where it is missing or
/// empty, 22001 where it is too long for the journal.
std::string required_reason(FunctionCallInfo fcinfo, int n);

} // namespace etl
