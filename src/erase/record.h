// The record of erasures: rows of etl.erasure and lines of the journal.
#pragma once

#include <string>
#include <vector>

#include "erase/erase.h"

namespace etl
{

/// Inserts the requests into etl.erasure (or brings a row that is there to its new status) and
/// appends them to the journal. Fills erasure_id, pseudonym, email_pseudonym and status.
void record_erasures(const std::string &dataset, const std::string &secret,
					 std::vector<ErasureRequest> &requests);

/// The pseudonyms of a request's identifiers, as far as they are not given.
void fill_pseudonyms(const std::string &dataset, const std::string &secret,
					 ErasureRequest &request);

} // namespace etl
