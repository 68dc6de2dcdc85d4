// What is written about erasures: rows of etl.erasure, tombstones, entries of the audit trail and
// lines of the journal.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "erase/erase.h"
#include "pg/srf.h"

namespace etl
{

/// Inserts the requests into etl.erasure (or sets the new status of an existing row), sets
/// tombstones, and appends to the audit trail and the journal. Fills erasure_id, pseudonym,
/// email_pseudonym and status of the requests, and report.journal.
void record_erasures(const std::string &dataset, const std::string &secret,
					 std::vector<ErasureRequest> &requests, ErasureReport &report);

/// Adds the rows of etl.erasure with these numbers to the result of a function.
void add_erasures(pg::ResultSet &result, const std::vector<int64_t> &erasure_ids);

/// Computes those pseudonyms of a request that are not set yet.
void fill_pseudonyms(const std::string &dataset, const std::string &secret,
					 ErasureRequest &request);

/// Notes that a file still names the person. `place` is the name under which the file is reported.
void add_waiting(ErasureRequest &request, const std::shared_ptr<const std::string> &path,
				 const std::string &place, const std::string &why);
/// Reports requests that wait for files, in a WARNING.
void warn_of_waiting(std::span<const ErasureRequest> requests);

/// Completes the requests whose awaited files have been changed since. To be called after
/// recover(). Returns their erasure_ids.
std::vector<int64_t> complete_waiting_erasures();

} // namespace etl
