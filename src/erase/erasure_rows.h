// The record of erasures: rows of etl.erasure, tombstones, audit and lines of the journal.
#pragma once

#include <memory>
#include <span>
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

/// Notes that a file, which is known by that place, still holds the person.
void add_waiting(ErasureRequest &request, const std::shared_ptr<const std::string> &path,
				 const std::string &place, const std::string &why);
/// Tells of requests that wait for files, in a WARNING.
void warn_of_waiting(std::span<const ErasureRequest> requests);

/// Completes those that waited for files which have been changed since. After recover(). Returns
/// their numbers.
std::vector<int64_t> complete_waiting_erasures();

} // namespace etl
