// The record of erasures: rows of etl.erasure, tombstones, audit and lines of the journal.
#pragma once

#include <string>
#include <vector>

#include "erase/erase.h"

namespace etl
{

/// Inserts the requests into etl.erasure (or brings a row that is there to its new status), sets
/// tombstones, and appends to audit and journal. Fills erasure_id, pseudonym, email_pseudonym and
/// status, and report.journal.
void record_erasures(const std::string &dataset, const std::string &secret,
					 std::vector<ErasureRequest> &requests, ErasureReport &report);

/// The pseudonyms of a request's identifiers, as far as they are not given.
void fill_pseudonyms(const std::string &dataset, const std::string &secret,
					 ErasureRequest &request);

} // namespace etl
